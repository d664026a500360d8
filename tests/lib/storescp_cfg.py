#!/usr/bin/env python3
"""A configuration with which storescp takes what its +xa does not: the newer
transfer syntaxes, and SOP classes that DCMTK does not know.

storescp_cfg.py [--syntax UID] SOP_CLASS... > FILE; then: storescp -xf FILE Everything
(It holds at most 128 contexts, so the classes are those that will be sent.)
"""
import sys

SYNTAXES = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2",
            "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"]
SYNTAXES += [f"1.2.840.10008.1.2.4.{n}" for n in
             (50, 51, 57, 70, 80, 81, 90, 91, 92, 93, 100, 101, 102, 103, 104,
              105, 106, 107, 108)]
classes = sys.argv[1:]
if classes[:1] == ["--syntax"]:  # this one only
    SYNTAXES, classes = classes[1:2], classes[2:]
print("[[TransferSyntaxes]]\n[All]")
for i, s in enumerate(SYNTAXES):
    print(f"TransferSyntax{i + 1} = {s}")
print("[Echo]\nTransferSyntax1 = 1.2.840.10008.1.2")
print("[[PresentationContexts]]\n[All]")
print("PresentationContext1 = 1.2.840.10008.1.1\\Echo")
for i, c in enumerate(classes):
    print(f"PresentationContext{i + 2} = {c}\\All")
print("[[Profiles]]\n[Everything]\nPresentationContexts = All")
