// What report.js uses of D3, and so what d3.min.js holds.
export { max } from "d3-array";
export { axisBottom, axisLeft } from "d3-axis";
export { scaleBand, scaleLinear, scaleLog } from "d3-scale";
export { create, select } from "d3-selection";
export { curveStepAfter, line, symbol, symbolCircle, symbolCross, symbolDiamond, symbolSquare, symbolStar, symbolTriangle, symbolWye } from "d3-shape";
