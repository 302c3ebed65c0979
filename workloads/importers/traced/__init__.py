"""Graphs as other programs trace them, in one vocabulary, and how they become operators: the room that ONNX and `torch.export` share."""
