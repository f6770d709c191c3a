// Makes d3.min.js, which report.html carries: `node templates/report/build.mjs [FILE]`.
// package-lock.json fixes every byte. The packages go into a folder of their own that is removed again:
// whatever stands below templates/ is shipped.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = resolve(process.argv[2] ?? join(here, "d3.min.js"));
const folder = mkdtempSync(join(tmpdir(), "interlock-charts-"));
try {
  for (const name of ["package.json", "package-lock.json", "charts.mjs"]) {
    cpSync(join(here, name), join(folder, name));
  }
  const install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  execFileSync("npm", install, { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  writeFileSync(target, bundle(folder));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function bundle(folder) {
  const { buildSync } = createRequire(join(folder, "package.json"))("esbuild");
  const made = buildSync({
    absWorkingDir: folder,
    bundle: true,
    charset: "ascii",
    entryPoints: ["charts.mjs"],
    format: "iife",
    globalName: "d3",
    legalComments: "none",
    metafile: true,
    minify: true,
    target: "es2020",
    write: false,
  });
  return `/*!\n${notice(folder, made.metafile.inputs)}*/\n${made.outputFiles[0].text}`;
}

// Name, version and licence of every package of which something is in the bundle.
function notice(folder, inputs) {
  const used = Object.keys(inputs).filter((path) => path.startsWith("node_modules/"));
  const packages = [...new Set(used.map((path) => path.split("/")[1]))].sort();
  const names = new Map();
  for (const name of packages) {
    const read = (file) => readFileSync(join(folder, "node_modules", name, file), "utf8");
    const { version } = JSON.parse(read("package.json"));
    const licence = read("LICENSE").trim();
    names.set(licence, [...(names.get(licence) ?? []), `${name} ${version}`]);
  }
  const parts = [...names].map(([licence, of]) => `${of.join(", ")}\n\n${licence}\n`);
  return `Parts of D3 (https://d3js.org), made by build.mjs.\n\n${parts.join("\n")}`;
}
