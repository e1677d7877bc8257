"""Which tests judge a module: those that mirror it, and named neighbours where others say what it promises."""

from __future__ import annotations

from pathlib import Path

# quick ones first: the first test that fails ends a trial
NEIGHBOURS: dict[str, tuple[str, ...]] = {
    "bench/run/checkpoint.py": ("bench/run/test_damaged_checkpoints.py", "bench/run/test_train.py"),
    "bench/run/execute.py": (
        "bench/run/test_retention.py",
        "bench/run/test_available.py",
        "bench/run/test_train.py",
    ),
    "bench/run/executors/slurm.py": ("bench/run/executors/test_slurm_executor.py",),
    "bench/run/slurm/job.py": ("bench/run/slurm/test_packing.py", "bench/run/executors/test_slurm_executor.py"),
    "bench/run/follow.py": ("bench/run/test_other_ranks.py",),
    "bench/run/led_step.py": ("bench/run/test_other_ranks.py",),
    "bench/run/prepared.py": ("bench/run/test_bad_input.py", "bench/run/test_execute.py"),
    "bench/run/preload.py": ("bench/run/test_train.py",),
    "bench/run/process.py": (
        "bench/run/test_execute.py",
        "bench/run/executors/test_local.py",
        "bench/run/test_other_ranks.py",
    ),
    "bench/run/restore.py": (
        "bench/run/test_retention.py",
        "bench/run/test_score_checkpoint.py",
        "bench/run/test_available.py",
    ),
    "bench/run/score_checkpoint.py": ("bench/run/test_execute.py", "bench/metrics/test_confusions.py"),
    "bench/run/segmenter.py": ("bench/metrics/test_confusions.py",),
    "bench/run/ticket.py": ("bench/run/executors/test_executor.py",),
    "bench/run/train.py": ("bench/run/test_execute.py", "bench/run/test_other_ranks.py"),
    "bench/ledger/checkpoint_files.py": ("bench/run/test_damaged_checkpoints.py", "bench/run/test_checkpoint.py"),
    "bench/ledger/facts.py": ("bench/ledger/test_folders.py", "bench/verdict/test_cells.py"),
    "bench/ledger/folders.py": ("bench/run/test_execute.py",),
    "bench/ledger/losses.py": ("bench/run/test_loss_log.py",),
    "bench/ledger/scores.py": ("bench/ledger/test_folders.py", "bench/run/test_execute.py"),
    "bench/metrics/aligned.py": ("bench/metrics/test_ssim.py", "bench/metrics/test_metric.py"),
    "bench/metrics/class_accuracy.py": (
        "bench/metrics/test_of_confusions.py",
        "bench/metrics/test_metric.py",
    ),
    "bench/metrics/fd_efflite0.py": (
        "bench/metrics/test_frechet.py",
        "bench/metrics/test_metric.py",
    ),
    "bench/metrics/fid.py": (
        "bench/metrics/test_frechet.py",
        "bench/metrics/test_metric.py",
    ),
    "bench/metrics/kd_efflite0.py": (
        "bench/metrics/test_kernel.py",
        "bench/metrics/test_metric.py",
    ),
    **dict.fromkeys(
        (f"bench/metrics/{name}_efflite0.py" for name in ("precision", "recall", "density", "coverage")),
        ("bench/metrics/test_of_neighbours.py", "bench/metrics/test_metric.py"),
    ),
    "bench/metrics/fid_clean_fid.py": ("bench/features/test_resizing.py", "bench/metrics/test_metric.py"),
    "bench/metrics/fid_tf1.py": ("bench/features/test_resizing.py", "bench/metrics/test_metric.py"),
    "bench/metrics/kid.py": ("bench/metrics/test_kernel_subsets.py", "bench/metrics/test_metric.py"),
    "bench/metrics/psnr.py": ("bench/metrics/test_metric.py",),
    "bench/metrics/l1.py": ("bench/metrics/test_metric.py",),
    "bench/metrics/land_class_accuracy.py": (
        "bench/metrics/test_of_confusions.py",
        "bench/metrics/test_confusions.py",
        "bench/metrics/test_metric.py",
    ),
    "bench/metrics/land_mean_iou.py": (
        "bench/metrics/test_of_confusions.py",
        "bench/metrics/test_confusions.py",
        "bench/metrics/test_metric.py",
    ),
    "bench/metrics/land_pixel_accuracy.py": (
        "bench/metrics/test_of_confusions.py",
        "bench/metrics/test_confusions.py",
        "bench/metrics/test_metric.py",
    ),
    "bench/metrics/confusions.py": ("bench/metrics/test_of_shares.py",),
    "bench/metrics/land_share.py": ("bench/metrics/test_of_shares.py",),
    "bench/metrics/zebra_share.py": ("bench/metrics/test_of_shares.py",),
    "bench/metrics/mean_iou.py": (
        "bench/metrics/test_of_confusions.py",
        "bench/metrics/test_metric.py",
    ),
    "bench/metrics/of_features.py": ("bench/metrics/test_frechet.py", "bench/metrics/test_metric.py"),
    "bench/metrics/pixel_accuracy.py": (
        "bench/metrics/test_of_confusions.py",
        "bench/metrics/test_metric.py",
    ),
    "bench/metrics/scored_images.py": (
        "bench/metrics/test_metric.py",
        "bench/tasks/test_task.py",
        "bench/metrics/test_of_confusions.py",
    ),
    "bench/metrics/ssim.py": ("bench/metrics/test_metric.py",),
    "methods/losses/cycle_consistency.py": ("methods/test_sincut.py",),
    "methods/losses/multiscale_gan.py": ("methods/test_contrastive_feature.py",),
    "methods/losses/feature_l1.py": ("methods/test_contrastive_feature.py",),
    "methods/losses/contrastive_feature.py": ("methods/test_contrastive_feature.py",),
    "methods/losses/dual_contrastive.py": ("methods/test_dual_contrastive.py",),
    "methods/losses/feature_matching.py": ("methods/losses/test_multiscale_gan.py",),
    "methods/losses/gan_mode.py": ("methods/losses/test_multiscale_gan.py",),
    "methods/losses/munit.py": ("methods/test_munit.py",),
    "methods/losses/logistic.py": ("methods/losses/test_dual_contrastive.py",),
    "methods/losses/negcut.py": ("methods/test_negcut.py",),
    "methods/losses/src_hdce.py": ("methods/test_src_hdce.py",),
    "methods/losses/stargan_adversarial.py": ("methods/losses/test_stargan.py",),
    "methods/losses/style_cycle.py": ("methods/losses/test_stargan.py",),
    "methods/losses/style_diversification.py": ("methods/losses/test_stargan.py",),
    "methods/losses/style_reconstruction.py": ("methods/losses/test_stargan.py",),
}


def judges_of(module: str, root: Path) -> list[str]:
    """The test files of a module, from the root, its own first; those that are there."""
    path = Path(module)
    own = Path("tests") / path.parent / f"test_{path.name}"
    files = [own, *(Path("tests") / name for name in NEIGHBOURS.get(module, ()))]
    return [str(file) for file in dict.fromkeys(files) if (root / file).is_file()]
