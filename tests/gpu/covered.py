"""Files of tests/golden that have no check of their own: why not, and what computes them instead."""

from __future__ import annotations

# records that hold no arithmetic of a step
ON_THE_HOST = {
    "cfl_spade/cityscapes_palette.npz": "colours of classes",
    "unpaired/frechet_distance.npz": "distances, in numpy",
    "stylegan2/fid.npz": "distances, in numpy",
    "metrics/inception_score.npz": "scores, in numpy",
    "metrics/kid.npz": "distances, in numpy",
    "metrics/prdc.npz": "distances, in numpy",
    "metrics/precision_recall.npz": "distances, in numpy",
    "metrics/resizing.npz": "images, in PIL and numpy",
    "stylegan2/schedule.npz": "settings of Adam",
    "unpaired/hdce_gamma_schedule.npz": "a schedule",
    "unpaired/lr_schedule.npz": "a schedule",
    "unpaired/preprocess.npz": "images, in PIL",
    "unpaired/tensor2im.npz": "rounding, in numpy",
    "multidomain/stargan_v2_data_eval.npz": "images, in PIL",
}
# replayed as whole steps (tests/gpu/steps.py), and what belongs to them
STEPS = {
    "unpaired/trainstep_cut.npz": "cut",
    "unpaired/trainstep_cyclegan.npz": "cyclegan",
    "stylegan2/traj_logistic_ns.npz": "dual_contrastive, logistic",
    "rivals/trainstep_gcgan.npz": "gcgan",
    "rivals/trainstep_gcgan_cross.npz": "gcgan, cross",
    "rivals/trainstep_distancegan.npz": "distancegan",
    "rivals/trainstep_munit.npz": "munit",
    "rivals/trainstep_drit.npz": "drit",
    "rivals/trainstep_fsesim.npz": "fsesim",
    "rivals/trainstep_lsesim.npz": "lsesim",
    "rivals/trainstep_sincut.npz": "sincut",
    "multidomain/trainstep_stargan_v2.npz": "stargan_v2",
    "multidomain/trainstep_stargan_src_released.npz": "stargan_v2, released",
}
PARTS = {
    "stylegan2/traj_init.safetensors": "stylegan2/traj_logistic_ns.npz",
    "stylegan2/traj_inputs.npz": "stylegan2/traj_logistic_ns.npz",
    "stylegan2/traj_logistic_ns_final.safetensors": "stylegan2/traj_logistic_ns.npz",
    "stylegan2/biases.npz": "stylegan2/g32_io.npz",
    # single terms, which the whole steps hold
    "rivals/distancegan.npz": "rivals/trainstep_distancegan.npz",
    "rivals/gcgan.npz": "rivals/trainstep_gcgan.npz",
    "rivals/lsesim.npz": "rivals/trainstep_lsesim.npz",
    "rivals/sincut_losses.npz": "rivals/trainstep_sincut.npz",
    "cfl_spade/starganv2_blocks.npz": "multidomain/trainstep_stargan_v2.npz",
    "cfl_spade/starganv2_losses.npz": "multidomain/trainstep_stargan_v2.npz",
}
