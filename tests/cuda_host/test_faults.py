"""The emulation tells sound kernels from broken ones: those of broken.cu, one planted fault each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sanitize
from emulation import RUNS, emulated
from host_module import HERE, CompileError, HostModule, KernelFault, has_compiler

pytestmark = pytest.mark.skipif(not has_compiler(), reason="no g++, which the host emulation compiles with")

F32, I32 = np.float32, np.int32


def launch(name: str, threads: int, *args: Any, order: str = "forward", shared_mem: int = 0) -> Any:
    """Launch a kernel of broken.cu in one block; its last argument, as it was left."""
    module = HostModule(HERE / "broken.cu", order=order)
    module.get_function(name)((1,), (threads,), args, shared_mem=shared_mem)
    return args[-1]


@pytest.mark.parametrize(("order", "seed"), RUNS)
def test_sound_kernels_are_right_in_every_order(order: str, seed: int) -> None:
    x = np.arange(64, dtype=F32)
    np.testing.assert_array_equal(launch("with_barrier", 64, x, np.zeros(64, F32), order=order), x[::-1])
    half = x[:32].copy()
    np.testing.assert_array_equal(
        launch("with_syncwarp", 32, half, np.zeros(32, F32), order=order), half[::-1]
    )


@pytest.mark.parametrize("name", ["no_barrier", "no_barrier_in_template", "no_barrier_in_dynamic"])
def test_orders_expose_a_missing_barrier(name: str) -> None:
    x = np.arange(1, 65, dtype=F32)
    for order in ("forward", "reverse"):
        out = launch(name, 64, x, np.zeros(64, F32), order=order, shared_mem=256)
        assert (out != x[::-1]).sum() >= 32


@pytest.mark.parametrize(
    ("name", "threads", "says"),
    [
        ("crossed", 64, "deadlock in block .0,0,0.: 32 threads wait at __syncthreads .* 32 in a warp"),
        ("mask_without_caller", 32, "lane 1 calls a warp intrinsic whose mask 00000001 lacks it"),
        ("masks_differ", 32, "different masks"),
        ("lane_outside_mask", 32, "reads lane 20, which is not in its mask"),
        ("trapped", 32, "__trap"),
    ],
)
def test_barriers_that_cannot_complete_are_told(name: str, threads: int, says: str) -> None:
    with pytest.raises(KernelFault, match=says):
        launch(name, threads, np.ones(threads, I32))


def test_shared_memory_is_poisoned_before_every_block() -> None:
    assert launch("never_set", 32, np.zeros(32, F32))[31] == np.array(0xCBCBCBCB, np.uint32).view(F32)
    out = np.zeros(3 * 32, I32)
    HostModule(HERE / "broken.cu").get_function("never_set_in_template")((3,), (32,), (out,))
    assert (out.view(np.uint32) == 0xCBCBCBCB + 5).all()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ((np.zeros(8, F32), np.zeros(8, F32)), "2 arguments for a kernel of 3"),
        ((np.zeros(8, F32), np.zeros(8, F32), 4), "argument 2 has 8 bytes, the kernel takes 4"),
        ((np.zeros(8, F32), np.zeros(8, F32), F32(4)), r"argument 2 of past_end is f4, the kernel takes i4"),
        ((np.zeros(8), np.zeros(8, F32), I32(4)), r"argument 0 of past_end is \*f8, the kernel takes \*f4"),
        ((np.zeros(16, F32)[::2], np.zeros(8, F32), I32(4)), "argument 0 of past_end is not contiguous"),
        ((I32(0), np.zeros(8, F32), I32(4)), "argument 0 of past_end is i4"),
    ],
)
def test_wrong_arguments_are_told(args: tuple[Any, ...], says: str) -> None:
    with pytest.raises(KernelFault, match=says):
        launch("past_end", 4, *args)


def test_impossible_launches_are_told() -> None:
    module = HostModule(HERE / "broken.cu", shared_memory=100 << 10)
    kernel = module.get_function("atomic_add")
    total = np.zeros(1, I32)
    for grid, block, says in [
        ((0,), (32,), "a grid of 0 x 1 x 1 blocks"),
        ((1, 70000), (32,), "a grid of 1 x 70000 x 1 blocks"),
        ((1,), (64, 32), "a block of 64 x 32 x 1 threads"),
    ]:
        with pytest.raises(KernelFault, match=says):
            kernel(grid, block, (total,))
    with pytest.raises(KernelFault, match="raise max_dynamic_shared_size_bytes first"):
        kernel((1,), (32,), (total,), shared_mem=64 << 10)
    with pytest.raises(KernelFault, match="on a card with 102400"):
        kernel.max_dynamic_shared_size_bytes = 128 << 10
    kernel.max_dynamic_shared_size_bytes = 64 << 10
    kernel((2,), (32,), (total,), shared_mem=64 << 10)
    assert total[0] == 64
    with pytest.raises(KernelFault, match="no kernel absent"):
        module.get_function("absent")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("out[0] = rsqrtf(2.f);", "rsqrtf"),
        ("atomicAdd((long long*)out, 1ll);", "atomicAdd of CUDA does not take this type"),
        ("out[0] = min(1ll, 2);", "ambiguous"),
    ],
)
def test_what_cuda_would_refuse_or_round_otherwise_does_not_compile(
    body: str, says: str, tmp_path: Any
) -> None:
    file = tmp_path / "odd.cu"
    file.write_text(f'extern "C" __global__ void odd(float* out) {{ {body} }}\n')
    with pytest.raises(CompileError, match=says):
        HostModule(file)


def test_kernels_stamped_out_by_a_macro_are_found(tmp_path: Any) -> None:
    file = tmp_path / "stamped.cu"
    file.write_text(
        '#define STAMP(n) extern "C" __global__ void __launch_bounds__(32 * (n)) fill_##n(int* out) '
        "{ out[threadIdx.x] = n; }\nSTAMP(1) STAMP(2)\n"
    )
    out = np.zeros(4, I32)
    HostModule(file).get_function("fill_2")((1,), (4,), (out,))
    assert (out == 2).all()


def test_without_a_compiler_tests_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Exception, match="no g\\+\\+") as caught, emulated():
        pass
    assert type(caught.value).__name__ == "SkipTest"


def sanitized(sanitizer: str, call: str) -> sanitize.Outcome:
    """Run one `launch` in a process of its own."""
    if sanitize.runtime(sanitizer) is None:
        pytest.skip(f"GCC came without {sanitize.RUNTIMES[sanitizer]}")
    code = (
        "import numpy as np; from pathlib import Path; from host_module import HERE, HostModule\n"
        "f, i = (lambda n: np.zeros(n, np.float32)), (lambda n: np.ones(n, np.int32))\n"
        "k = HostModule(HERE / 'broken.cu').get_function\n" + call
    )
    return sanitize.under(sanitizer, ["-c", code], extra={"PYTHONPATH": str(HERE)})


@pytest.mark.parametrize(
    ("sound", "calls"),
    [
        (False, ["k('no_barrier')((1,), (64,), (f(64), f(64)))"]),
        (False, ["k('no_barrier_in_template')((1,), (64,), (f(64), f(64)))"]),
        (False, ["k('no_barrier_in_dynamic')((1,), (64,), (f(64), f(64)), shared_mem=256)"]),
        (False, ["k('no_syncwarp')((1,), (32,), (f(32), f(32)))"]),
        (False, ["k('plain_add')((4,), (1,), (i(1),))"]),
        (
            True,
            [
                "k('with_barrier')((1,), (64,), (f(64), f(64)))",
                "k('with_syncwarp')((1,), (32,), (f(32), f(32)))",
                "k('atomic_add')((4,), (64,), (i(1),))",
            ],
        ),
    ],
)
def test_tsan_finds_races(sound: bool, calls: list[str]) -> None:
    outcome = sanitized("thread", "\n".join(calls))
    assert outcome.found_by == ("" if sound else "TSan: data race"), outcome.output[-2000:]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("k('past_end')((1,), (32,), (f(32), f(32), np.int32(32)))", "heap-buffer-overflow"),
        ("k('past_shared')((1,), (32,), (f(32),))", "overflow|out of bounds"),
        ("k('past_dynamic')((1,), (32,), (f(32),), shared_mem=128)", "heap-buffer-overflow"),
        ("k('crooked')((1,), (4,), (np.zeros(80, np.uint8), np.zeros(4, np.uint32)))", "misaligned"),
        ("k('overflowing')((1,), (4,), (i(4),))", "signed integer overflow"),
        ("k('with_barrier')((1,), (64,), (f(64), f(64)))", ""),
    ],
)
def test_asan_and_ubsan_find_bad_accesses(call: str, says: str) -> None:
    outcome = sanitized("address,undefined", call)
    assert outcome.passed == (not says), outcome.output[-2000:]
    assert not says or any(part in outcome.output for part in says.split("|")), outcome.output[-2000:]
