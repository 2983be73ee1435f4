"""Opening the same model files again and again, as a cache does."""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtime_handler.predictors.sessions import SMALL_GRAPH, Sessions

ROWS = numpy.random.default_rng(3).random((5, 4), dtype=numpy.float32)


def write_model(folder: Path, scale: float, width: int = 16) -> Path:
    """Two dense layers, which onnxruntime fuses with what follows them, and notes of the model's author."""
    random = numpy.random.default_rng(1)
    weights = [
        numpy_helper.from_array(random.random(shape, dtype=numpy.float32) * scale, f"w{layer}")
        for layer, shape in enumerate([(4, width), (width, 3)])
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["h"]),
        helper.make_node("Relu", ["h"], ["a"]),
        helper.make_node("MatMul", ["a", "w1"], ["s"]),
        helper.make_node("Softmax", ["s"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 3])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="author")
    helper.set_model_props(model, {"trained": "on Monday"})
    folder.mkdir(exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def spoil(file: Path) -> None:
    """Other bytes of the same size, time and inode: whoever opens the file notices, whoever looks at it does not."""
    stat = file.stat()
    with file.open("r+b") as opened:
        opened.write(b"\0" * stat.st_size)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def sessions(proven: list[Any], **settings: int) -> Sessions:
    return Sessions(1, lambda session: proven.append(session) or (), **settings)


def facts(session: Any) -> Any:
    """What callers can see of a session."""
    meta = session.get_modelmeta()
    values = [[(value.name, value.type, value.shape) for value in part] for part in (session.get_inputs(), session.get_outputs())]
    return values, meta.graph_name, meta.producer_name, meta.custom_metadata_map, session.run(None, {"x": ROWS})[0].tobytes()


def test_a_small_file_is_optimised_once(tmp_path: Path) -> None:
    """From the third time on the optimised graph is opened, which says and predicts exactly what the file does."""
    proven: list[Any] = []
    opening = sessions(proven)
    file = write_model(tmp_path / "m", 1.0)
    first, second = (opening.open(file.parent)[0] for _ in range(2))
    spoil(file)
    third, fourth = (opening.open(file.parent)[0] for _ in range(2))
    assert facts(first) == facts(second) == facts(third) == facts(fourth)
    assert len(proven) == 1


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """The optimised graph of a file never outlives it."""
    proven: list[Any] = []
    opening = sessions(proven)
    file = write_model(tmp_path / "m", 1.0)
    before = [facts(opening.open(file.parent)[0]) for _ in range(3)]
    write_model(file.parent, -2.0)
    after = [facts(opening.open(file.parent)[0]) for _ in range(3)]
    assert before[0] != after[0]
    assert after[0] == after[1] == after[2]
    assert len(proven) == 2


def test_another_name_is_another_file(tmp_path: Path) -> None:
    """A folder whose one file is called otherwise now is looked at anew."""
    proven: list[Any] = []
    opening = sessions(proven)
    file = write_model(tmp_path / "m", 1.0)
    opening.open(file.parent)
    file.rename(file.with_name("other.onnx"))
    opening.open(file.parent)
    assert len(proven) == 2


@pytest.mark.parametrize(
    ("width", "room"), [(SMALL_GRAPH // 16, 2**25), (16, 100)], ids=["a large file", "more graphs than there is room for"]
)
def test_graphs_that_would_take_much_memory_are_not_kept(tmp_path: Path, width: int, room: int) -> None:
    """What is kept in memory beside the cache is bounded, for each file and in all; others are opened from their files."""
    opening = sessions([], graphs=room)
    file = write_model(tmp_path / "m", 1.0, width)
    for _ in range(3):
        opening.open(file.parent)
    spoil(file)
    with pytest.raises(Exception, match=r"model\.onnx"):
        opening.open(file.parent)


def test_room_for_graphs_comes_back(tmp_path: Path) -> None:
    """The graph of a file that changed makes room for that of the next."""
    kept = []
    opening = sessions([], graphs=2000)
    for generation in range(1, 9):
        file = write_model(tmp_path / "m", float(generation))
        for _ in range(2):
            opening.open(file.parent)
        spoil(file)
        kept.append(opening.open(file.parent))
    assert len(kept) == 8


def test_without_a_place_to_write_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes nothing costs the time that would have been saved, no more."""
    opening = sessions([])
    file = write_model(tmp_path / "m", 1.0)
    before = facts(opening.open(file.parent)[0])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert [facts(opening.open(file.parent)[0]) for _ in range(2)] == [before, before]
