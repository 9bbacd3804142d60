# SPDX-License-Identifier: Apache-2.0
"""Distortion of a decoded picture: JPEG AI's metrics, as far as packages without torchvision have them.

Pictures are 8-bit R, G, B arrays of shape (H, W, 3). Y is the luma of Rec. ITU-R BT.709, full range, not rounded.
FSIM, NLPD and IW-SSIM are missing: the packages that have them need torchvision.
"""

import contextlib
import functools
import io
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]

METRICS = {
    "psnr_rgb": "PSNR-RGB",
    "psnr_y": "PSNR-Y",
    "ms_ssim": "MS-SSIM-RGB",
    "ms_ssim_y": "MS-SSIM-Y",
    "psnr_hvs_m": "PSNR-HVS-M",
    "vif_p": "VIFp",
    "vmaf": "VMAF",
}
"""Column of the table of measurements, name in reports; in all of them more is better."""
PACKAGES = {"pytorch-msssim", "psnr_hvsm", "imageio-ffmpeg"}
MIN_SIDE = 161
"""Samples; MS-SSIM has no value for smaller pictures."""
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
VMAF_FILTER = (
    "[0]scale=out_color_matrix=bt709,format=yuv444p[a];"
    "[1]scale=out_color_matrix=bt709,format=yuv444p[b];"
    "[a][b]libvmaf=n_threads=1:feature='name=float_vif\\:debug=true'"
    ":log_fmt=json:log_path={log}"
)


def measure(decoded: Rgb, source: Rgb) -> dict[str, float]:
    """Return every metric by its column."""
    luma, luma_source = decoded @ LUMA, source @ LUMA
    vmaf, vif_p = vmaf_vif(decoded, source)
    return {
        "psnr_rgb": psnr(decoded, source),
        "psnr_y": psnr(luma, luma_source),
        "ms_ssim": ms_ssim(decoded, source),
        "ms_ssim_y": ms_ssim(*(np.repeat(p[..., None], 3, 2) for p in (luma, luma_source))),
        "psnr_hvs_m": psnr_hvs_m(luma, luma_source),
        "vif_p": vif_p,
        "vmaf": vmaf,
    }


def psnr(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """PSNR over all samples of two arrays whose peak is 255, dB."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def ms_ssim(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """Multi-scale SSIM, five scales, 0 to 1: the mean over three planes (H, W, 3); the package is slower on one."""
    import torch  # noqa: PLC0415
    from pytorch_msssim import ms_ssim as of_batches  # noqa: PLC0415

    batches = (torch.from_numpy(p.astype(np.float32)).permute(2, 0, 1)[None] for p in (a, b))
    return float(of_batches(*batches, data_range=255))


@functools.cache
def psnr_hvsm() -> object:
    """Import the package; it announces on stdout which of its backends are missing."""
    with contextlib.redirect_stdout(io.StringIO()):
        import psnr_hvsm  # noqa: PLC0415
    return psnr_hvsm


def psnr_hvs_m(luma: NDArray[np.float32], luma_source: NDArray[np.float32]) -> float:
    """PSNR of Y weighted by visibility and masking in 8x8 blocks, dB; incomplete blocks are left out."""
    rows, columns = (side // 8 * 8 for side in luma.shape)
    blocks = (p[:rows, :columns].astype(np.float64) / 255 for p in (luma_source, luma))
    with np.errstate(invalid="ignore"):
        _, masked = psnr_hvsm().psnr_hvs_hvsm(*blocks)
    return float(masked)


def vmaf_vif(decoded: Rgb, source: Rgb) -> tuple[float, float]:
    """VMAF, 0 to 100, and pixel-domain VIF, 0 to 1, of Y in video range, both by libvmaf in FFmpeg."""
    import imageio_ffmpeg  # noqa: PLC0415

    height, width, _ = source.shape
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log.json")
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin"]
        for name, picture in (("decoded", decoded), ("source", source)):
            Path(folder, name).write_bytes(picture.tobytes())
            command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
            command += ["-i", str(Path(folder, name))]
        command += ["-lavfi", VMAF_FILTER.format(log=log), "-f", "null", "-"]
        subprocess.run(command, check=True)  # noqa: S603
        values = json.loads(log.read_bytes())["pooled_metrics"]
    return values["vmaf"]["mean"], values["vif"]["mean"]


def for_delta(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what Bjontegaard differences and plots take: MS-SSIM in dB, the others as they are."""
    if not name.startswith("ms_ssim"):
        return values
    return -10 * np.log10(np.maximum(1 - values, 1e-9))
