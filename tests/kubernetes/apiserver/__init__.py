"""A stand-in for a Kubernetes API server, for tests that run the real kubectl.

It serves discovery, OpenAPI v3, create, read, delete, server-side apply with field ownership, and the patches
of client-side apply, over plain HTTP on loopback. What it knows of types comes from two places that nothing
here can bend: the vendored `schemas/kubernetes/<minor>.json`, which judges each object, and the
`x-kubernetes-*` hints of Kubernetes' own OpenAPI (of the package kubernetes-validate), which say how lists
merge. It runs nothing: no controllers, no admission, no pods.

    kinds       the kinds it serves, and their paths
    types       schemas by kind: the judge of an object, and the hints by which it merges
    ownership   field sets, merge and prune: the algorithm of structured-merge-diff
    patches     strategic merge, JSON merge and JSON patch
    defaults    what a server fills in
    discovery   the documents by which kubectl learns of all this
    store       the objects, and what a write does to them
    server      HTTP
"""
