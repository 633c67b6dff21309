"""An .onnx file as a float TFLite graph.

`onnx_file` reads and checks the file, `operators` is the table of the operators that are known, `importer` goes through
the nodes. A new operator is one function (`GraphBuilder`, `Node`) -> `Value`, and one line in the table.
"""
