# SPDX-License-Identifier: Apache-2.0
"""The command line of the decoder, as its users and scripts see it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import refdec
from refdec import reconstruction
from refdec.cli import commands
from refdec.cli.main import main
from refdec.codec import get_codec
from refdec.network.model_set import load_model_set

Capture = pytest.CaptureFixture[str]


def files_in(directory: Path) -> set[str]:
    """Return the names, hidden ones included."""
    return {path.name for path in directory.iterdir()}


def test_decode_writes_the_picture_and_a_summary(hashed: Path, capsys: Capture) -> None:
    assert main(["decode", str(hashed)]) == 0
    picture = refdec.decode(hashed)
    with Image.open(hashed.with_suffix(".png")) as image:
        np.testing.assert_array_equal(np.asarray(image), picture.interleaved)
    captured = capsys.readouterr()
    size = hashed.stat().st_size
    for text in ("38x21 RGB, 8 bits", f"{size} bytes", f"{8 * size / 798:.3f} bpp"):
        assert text in captured.out
    for text in ("Main profile, level 1, model set 3, quality 40", "not checked", "hashed.png"):
        assert text in captured.out
    assert captured.err == ""
    assert files_in(hashed.parent) == {"hashed.jai", "hashed.png"}


def test_default_name_never_overwrites(hashed: Path, capsys: Capture) -> None:
    original = hashed.with_suffix(".png")
    original.write_bytes(b"the only copy")
    assert main(["decode", str(hashed)]) == 2
    assert original.read_bytes() == b"the only copy"
    assert "exists already" in capsys.readouterr().err
    assert main(["decode", str(hashed), "-o", str(original)]) == 0


def test_grey_stream_to_pgm_but_not_to_ppm(grey: Path, capsys: Capture) -> None:
    assert main(["decode", str(grey), "-o", str(grey.with_suffix(".pgm"))]) == 0
    with Image.open(grey.with_suffix(".pgm")) as image:
        assert image.mode == "L"
    assert main(["decode", str(grey), "-o", str(grey.with_suffix(".ppm"))]) == 2
    assert "cannot hold" in capsys.readouterr().err


@pytest.mark.parametrize("backend", ["auto", "numpy", "integer"])
def test_backends_give_the_same_file(hashed: Path, backend: str) -> None:
    output = hashed.with_suffix(".npy")
    options = ["--backend", backend, "--threads", "1", "--verify"]
    assert main(["decode", str(hashed), "-o", str(output), *options]) == 0
    np.testing.assert_array_equal(np.load(output), refdec.decode(hashed).samples)


@pytest.mark.parametrize("suffix", [".png", ".ppm", ".pam", ".tif", ".npy"])
def test_strips_make_the_same_file(
    hashed: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, output = hashed.parent / f"whole{suffix}", hashed.parent / f"strips{suffix}"
    assert main(["decode", str(hashed), "-o", str(whole), "--verify"]) == 0
    monkeypatch.setattr(reconstruction, "PART_SAMPLES", 1)
    assert main(["decode", str(hashed), "-o", str(output)]) == 0
    if suffix == ".png":
        with Image.open(whole) as first, Image.open(output) as second:
            assert first.tobytes() == second.tobytes()
    else:
        assert output.read_bytes() == whole.read_bytes()


def test_nothing_is_left_when_a_later_strip_fails(
    hashed: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def failing(*_arguments: object, **_options: object) -> Iterator[refdec.Picture]:
        yield refdec.decode(hashed)
        message = "the rest is damaged"
        raise refdec.MalformedStream(message)

    monkeypatch.setattr(commands, "decode_strips", failing)
    assert main(["decode", str(hashed), "-o", str(hashed.with_suffix(".png"))]) == 3
    assert "the rest is damaged" in capsys.readouterr().err
    assert files_in(hashed.parent) == {"hashed.jai"}


def test_verify_says_what_matches(hashed: Path, capsys: Capture) -> None:
    assert main(["verify", str(hashed)]) == 0
    assert capsys.readouterr().out == "latents (point L): match\nsamples (point S): match\n"


def test_wrong_hash_is_status_5_and_leaves_no_picture(
    hashed: Path, hashed_data: bytes, capsys: Capture
) -> None:
    hashed.write_bytes(hashed_data[:-3] + bytes([hashed_data[-3] ^ 1]) + hashed_data[-2:])
    assert main(["verify", str(hashed)]) == 5
    captured = capsys.readouterr()
    assert "latents (point L): match\nsamples (point S): MISMATCH\n" in captured.out
    assert "element digest" in captured.err
    assert main(["decode", str(hashed), "--verify"]) == 5
    assert files_in(hashed.parent) == {"hashed.jai"}
    assert main(["decode", str(hashed)]) == 0


@pytest.mark.parametrize("command", [["verify"], ["decode", "--verify"]])
def test_nothing_to_verify_is_not_success(grey: Path, command: list[str], capsys: Capture) -> None:
    assert main([*command, str(grey)]) == 5
    assert "carries no hash" in capsys.readouterr().err
    assert files_in(grey.parent) == {"grey.jai"}


def test_latents_are_those_of_the_api(hashed: Path, capsys: Capture) -> None:
    output = hashed.with_suffix(".npz")
    assert main(["latents", str(hashed), "-o", str(output)]) == 0
    latents = refdec.decode_latents(hashed)
    with np.load(output) as archive:
        np.testing.assert_array_equal(archive["y_hat"], latents.y_hat)
        np.testing.assert_array_equal(archive["z_hat"], latents.z_hat)
        np.testing.assert_array_equal(archive["step"], latents.step)
        assert archive["model_set_idc"] == latents.model_set_idc
    assert latents.digest() in capsys.readouterr().out


def test_trace_hashes_every_control_point(hashed: Path, tmp_path: Path) -> None:
    output, tensors = tmp_path / "trace.json", tmp_path / "tensors"
    assert main(["trace", str(hashed), "-o", str(output), "--tensors", str(tensors)]) == 0
    document = json.loads(output.read_text())
    assert document["stream_sha256"] == hashlib.sha256(hashed.read_bytes()).hexdigest()
    names = [point["name"] for point in document["points"]]
    assert names[:4] == ["headers", "grid", "z_hat", "quality"]
    assert names[-1] == "picture"
    stages = ["scale_idx", "mask", "residual", "mean", "y_hat"]
    assert names[4] == "tile0/transform_idx"
    assert names[5:10] == [f"tile0/group0/phase0/{stage}" for stage in stages]
    assert any(name.startswith("synthesis/") for name in names)
    for point in document["points"]:
        tensor = np.load(tensors / point["file"])
        assert tensor.dtype == np.int32
        assert list(tensor.shape) == point["shape"]
        assert hashlib.sha256(tensor.astype(">i4").tobytes()).hexdigest() == point["sha256"]
    np.testing.assert_array_equal(tensor, refdec.decode(hashed).samples)


def test_inspect_json_tells_place_value_and_requirements(hashed: Path, capsys: Capture) -> None:
    assert main(["inspect", str(hashed), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["num_bytes"] == hashed.stat().st_size
    assert document["error"] is None
    elements = document["elements"]
    keys = {"segment", "element", "byte", "bit", "num_bits", "value", "requirements"}
    assert all(element.keys() == keys for element in elements)
    end = 0
    for element in elements:
        place = 8 * element["byte"] + element["bit"]
        assert 0 <= place - end < 8, "gaps are at most the padding of a segment"
        end = place + element["num_bits"]
    assert end == 8 * document["num_bytes"]
    values = {element["element"]: element["value"] for element in elements}
    assert (values["width_minus1"], values["height_minus1"]) == (37, 20)
    digests = [e["value"]["first_bytes"] for e in elements if e["element"].endswith(".digest")]
    assert digests[0] == refdec.decode_latents(hashed).digest()
    assert refdec.decode(hashed).digest() in digests[1:]
    assert [e["segment"] for e in elements if e["element"] == "marker"] == (
        ["SOC", "PIH", "SOZ", "SOR", "DPH", "EOC"]
    )
    profile = next(element for element in elements if element["element"] == "profile_idc")
    assert profile["requirements"] == ["PIH-001"]


def test_inspect_lists_what_precedes_an_error(hashed: Path, capsys: Capture) -> None:
    hashed.write_bytes(hashed.read_bytes()[:30])
    assert main(["inspect", str(hashed)]) == 3
    captured = capsys.readouterr()
    assert "width_minus1" in captured.out
    assert captured.err.startswith("refdec: error: ")
    assert main(["inspect", str(hashed), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "TruncatedStream"


def test_inspect_needs_no_weights(
    hashed: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("refdec.network.model_set.spec_path", lambda *_: Path("/nonexistent"))
    assert main(["inspect", str(hashed)]) == 0
    assert "quality_idx" in capsys.readouterr().out


def test_complexity_adds_up(hashed: Path, capsys: Capture) -> None:
    assert main(["complexity", "--json"]) == 0
    large = json.loads(capsys.readouterr().out)
    assert main(["complexity", str(hashed), "--json"]) == 0
    small = json.loads(capsys.readouterr().out)
    for document in (large, small):
        for key in ("kmac_per_pixel", "parameters"):
            total = sum(network[key] for network in document["networks"])
            assert total == pytest.approx(document[key])
        *networks, inverse = document["networks"]
        assert all(0 < network["largest_sum"] < 2**24 for network in networks)
        assert 0 < inverse["largest_sum"] < 2**31
    assert large["parameters"] == small["parameters"]
    assert large["kmac_per_pixel"] < small["kmac_per_pixel"], "padding costs small pictures more"
    assert large["kmac_per_pixel"] < 20, "the budget of the base synthesis"
    assert main(["complexity"]) == 0
    assert "kMAC/pixel" in capsys.readouterr().out


USAGE_ERRORS = [
    [],
    ["frobnicate"],
    ["decode"],
    ["decode", "a.jai", "b.jai"],
    ["decode", "a.jai", "--backend", "abacus"],
    ["decode", "a.jai", "--threads", "0"],
    ["decode", "a.jai", "--max-pixels", "-1"],
    ["decode", "a.jai", "--verif"],
    ["decode", "a.jai", "-o", "a.gif"],
    ["latents", "a.jai"],
    ["latents", "a.jai", "-o", "a.npy"],
    ["trace", "a.jai"],
]


@pytest.mark.parametrize("arguments", USAGE_ERRORS, ids=" ".join)
def test_usage_error_is_status_2_and_one_line(arguments: list[str], capsys: Capture) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("refdec: error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("command", ["decode", "verify", "inspect", "complexity"])
def test_missing_file_is_status_6(command: str, tmp_path: Path, capsys: Capture) -> None:
    assert main([command, str(tmp_path / "missing.jai")]) == 6
    assert "missing.jai: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["verify", "inspect", "complexity"])
def test_directory_is_status_6(command: str, tmp_path: Path) -> None:
    assert main([command, str(tmp_path)]) == 6


def test_missing_output_directory_is_status_6(hashed: Path) -> None:
    output = hashed.parent / "missing" / "a"
    assert main(["decode", str(hashed), "-o", f"{output}.png"]) == 6
    assert main(["latents", str(hashed), "-o", f"{output}.npz"]) == 6
    assert main(["trace", str(hashed), "-o", f"{output}.json"]) == 6


def test_output_over_the_input_is_refused(hashed: Path, hashed_data: bytes) -> None:
    disguised = hashed.rename(hashed.with_suffix(".png"))
    assert main(["decode", str(disguised), "-o", str(disguised)]) == 2
    assert disguised.read_bytes() == hashed_data


@pytest.mark.parametrize("options", [["--max-pixels", "797"], ["--max-level", "0"]])
def test_caller_limits_are_status_4(grey: Path, options: list[str], capsys: Capture) -> None:
    assert main(["decode", str(grey), *options]) in {2, 4}
    assert files_in(grey.parent) == {"grey.jai"}
    assert capsys.readouterr().out == ""


def test_limit_that_fits_is_no_error(grey: Path) -> None:
    assert main(["decode", str(grey), "--max-pixels", "798", "--max-level", "1"]) == 0


def test_damaged_streams_leave_no_files(hashed: Path, hashed_data: bytes, capsys: Capture) -> None:
    for length in (0, 1, 5, 20, len(hashed_data) // 2, len(hashed_data) - 1):
        hashed.write_bytes(hashed_data[:length])
        assert main(["decode", str(hashed)]) == 3
        assert main(["trace", str(hashed), "-o", str(hashed.with_suffix(".json"))]) == 3
        assert main(["latents", str(hashed), "-o", str(hashed.with_suffix(".npz"))]) == 3
        for line in capsys.readouterr().err.splitlines():
            assert line.startswith("refdec: error: ")
            assert "byte " in line
    assert files_in(hashed.parent) == {"hashed.jai"}


def test_unsupported_profile_is_status_4(hashed: Path, hashed_data: bytes, capsys: Capture) -> None:
    data = bytearray(hashed_data)
    data[9] |= 0xF0
    hashed.write_bytes(data)
    assert main(["decode", str(hashed)]) == 4
    assert "(element profile_idc, byte 9, PIH-001)" in capsys.readouterr().err


def test_missing_weights_are_status_6(
    hashed: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("refdec.network.model_set.spec_path", lambda *_: Path("/nonexistent"))
    for cache in (get_codec, load_model_set):
        cache.cache_clear()
    assert main(["decode", str(hashed)]) == 6
    assert "Traceback" not in capsys.readouterr().err


def test_help_and_version(capsys: Capture) -> None:
    for arguments in (["--help"], ["decode", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0
    assert refdec.__version__ in capsys.readouterr().out


@pytest.mark.parametrize("backend", ["torch", "cuda", "onnx"])
def test_a_backend_that_is_not_installed_is_a_usage_error(
    hashed: Path, backend: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert main(["decode", str(hashed), "--backend", backend]) == 2
    assert "pip install" in capsys.readouterr().err


def test_export_without_onnx_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert main(["export", "onnx", "-o", str(tmp_path)]) == 2
    assert "jai-codec[onnx]" in capsys.readouterr().err


def test_a_machine_without_a_gpu_says_so(hashed: Path, capsys: Capture) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one")
    assert main(["decode", str(hashed), "-o", "unused.png", "--backend", "cuda"]) == 4
    assert "no CUDA device" in capsys.readouterr().err
