#include "dlb/train/settings.h"

namespace dlb::train {

Fields KeepSettings::fields() {
  static const Field list[] = {
      field<&KeepSettings::best>(
          "best", "also keep the checkpoint that is best by this metric (\"loss\" or one of `metrics`)"),
      field<&KeepSettings::last>("last", "how many of the newest checkpoints to keep", at_least(1)),
  };
  return list;
}

Fields CheckpointSettings::fields() {
  static const Field list[] = {
      field<&CheckpointSettings::every>("every", "time between checkpoints", positive()),
      field<&CheckpointSettings::keep>("keep", "which checkpoints stay on disk"),
  };
  return list;
}

Fields EarlyStoppingSettings::fields() {
  static const Field list[] = {
      required<&EarlyStoppingSettings::patience>(
          "patience", "stop after that many evaluations in a row without improvement", positive()),
      field<&EarlyStoppingSettings::metric>("metric", "what to watch: \"loss\" or one of `metrics`"),
      field<&EarlyStoppingSettings::min_delta>("min_delta", "the least change that counts as an improvement",
                                               non_negative()),
      field<&EarlyStoppingSettings::mode>("mode",
                                          "whether the metric should fall or rise; auto: as the metric says",
                                          one_of({"auto", "min", "max"})),
  };
  return list;
}

Fields PhaseSettings::fields() {
  static const Field list[] = {
      required<&PhaseSettings::name>("name", "what records call it"),
      field<&PhaseSettings::run>(
          "run", "the steps of its forward pass, over the inputs of the data; the model when absent"),
      field<&PhaseSettings::loss>("loss", "what it minimises; the config's loss when absent"),
      field<&PhaseSettings::update>(
          "update",
          "which parameters it updates: names of networks, or patterns with * and ?; all when absent"),
      field<&PhaseSettings::optimizer>("optimizer",
                                       "how; the config's optimizer, with a state of its own, when absent"),
      field<&PhaseSettings::schedule>("schedule", "its learning rate over time; the config's when absent"),
      field<&PhaseSettings::every>("every", "it takes part in one of that many updates, from the first",
                                   positive()),
      field<&PhaseSettings::times>("times", "how often it runs in an update, on the same batches",
                                   between(1, 1000)),
      field<&PhaseSettings::clip_norm>("clip_norm", "instead of `train.clip_norm`", non_negative()),
      field<&PhaseSettings::clip_value>("clip_value", "instead of `train.clip_value`", non_negative()),
  };
  return list;
}

Fields TrainSettings::fields() {
  static const Field list[] = {
      field<&TrainSettings::epochs>(
          "epochs", "passes over the training data; 1 when `steps` is not given either", positive()),
      field<&TrainSettings::steps>(
          "steps", "updates; training ends at `epochs` or `steps`, whichever comes first", positive()),
      field<&TrainSettings::clip_norm>(
          "clip_norm", "scale the gradient down to this norm over all parameters; 0 = off", non_negative()),
      field<&TrainSettings::clip_value>(
          "clip_value", "limit each element of the gradient to [-value, value]; 0 = off", non_negative()),
      field<&TrainSettings::accumulate>(
          "accumulate",
          "batches per update; the gradient is that of the mean over all of them, and batch_norm "
          "sees one at a time",
          positive()),
      field<&TrainSettings::ema>(
          "ema",
          "decay of an exponential moving average of the weights, which is evaluated and saved; 0 = off",
          fraction()),
      field<&TrainSettings::eval_every>("eval_every", "time between evaluations", positive()),
      field<&TrainSettings::checkpoint>("checkpoint", "when to write checkpoints, and which to keep"),
      field<&TrainSettings::early_stopping>("early_stopping",
                                            "stop when a metric no longer improves; off when absent"),
      field<&TrainSettings::on_nan>(
          "on_nan",
          "when the loss or a gradient is not finite: stop before the update and name the first layer "
          "that produced it, or continue",
          one_of({"stop", "continue"})),
      field<&TrainSettings::log_every>("log_every", "updates between records of the training loss",
                                       positive()),
      field<&TrainSettings::phases>(
          "phases",
          "list of updates with losses, parameters and optimizers of their own, done "
          "one after the other for each batch; one update of everything when absent"),
  };
  return list;
}

Fields LossSettings::fields() {
  static const Field list[] = {
      field<&LossSettings::in>(
          "in", "value or values of the model that it measures; the model's outputs when absent"),
      field<&LossSettings::target>("target",
                                   "column or columns of the data, values of the model, or a number; the "
                                   "data's target columns when absent"),
      field<&LossSettings::weight>(
          "weight",
          "factor of its mean in the sum of losses; 1 when absent (a list: the loss's own class weights)"),
      field<&LossSettings::as>("as", "its name in records; the type's name when absent"),
  };
  return list;
}

Fields MetricSettings::fields() {
  static const Field list[] = {
      field<&MetricSettings::in>("in",
                                 "value of the model that it measures; the model's first output when absent"),
      field<&MetricSettings::target>(
          "target", "column of the data or value of the model; the data's first target column when absent"),
      field<&MetricSettings::as>("as", "its name in records; the type's name when absent"),
  };
  return list;
}

Fields WeightsSettings::fields() {
  static const Field list[] = {
      required<&WeightsSettings::from>("from",
                                       "a safetensors file, ONNX file or program with the initial weights, "
                                       "relative to the config's folder"),
      field<&WeightsSettings::strict>(
          "strict", "names that are missing in the file, or that the model does not have, are errors"),
      field<&WeightsSettings::prefix>("prefix",
                                      "stands before every name in the file; names without it are left out"),
      field<&WeightsSettings::map>("map",
                                   "name in the model: name in the file, where they differ; each * stands "
                                   "for any text, the same on both sides; or a YAML file with such a map"),
  };
  return list;
}

Fields ExpectSettings::fields() {
  static const Field list[] = {
      field<&ExpectSettings::min>("min", "the least value"),
      field<&ExpectSettings::max>("max", "the largest value"),
  };
  return list;
}

Fields ConfigSections::fields() {
  static const Field list[] = {
      field<&ConfigSections::name>("name", "names the run folder; the file's name when absent"),
      field<&ConfigSections::description>("description", "free text"),
      field<&ConfigSections::base>("base",
                                   "the folder that relative paths start from; the config's own when absent"),
      field<&ConfigSections::seed>("seed", "where all random numbers follow from", non_negative()),
      field<&ConfigSections::vars>("vars", "values for $name and $(expressions)"),
      field<&ConfigSections::blocks>("blocks", "reusable parts of models"),
      field<&ConfigSections::data>("data", "where samples come from and how they are prepared"),
      required<&ConfigSections::model>("model", "the layers, in order"),
      field<&ConfigSections::models>("models", "networks by name, for `call` in the model and in phases"),
      field<&ConfigSections::loss>("loss",
                                   "what is minimised: a loss, or a list of them, each with `weight`; not "
                                   "needed where each phase has its own"),
      field<&ConfigSections::optimizer>(
          "optimizer", "how the weights are updated; not needed where each phase has its own"),
      field<&ConfigSections::schedule>("schedule", "the learning rate over time; constant when absent"),
      field<&ConfigSections::metrics>("metrics", "list of what evaluations measure besides the loss"),
      field<&ConfigSections::train>("train", "length of the run and everything around the updates"),
      field<&ConfigSections::init>("init",
                                   "list of {match: patterns, INITIALISER}: initial values of the parameters "
                                   "whose names match; the first match wins"),
      field<&ConfigSections::freeze>("freeze", "names or patterns of parameters that are not trained"),
      field<&ConfigSections::weights>("weights", "initial weights from a file, or a list of files"),
      field<&ConfigSections::expect>(
          "expect", "what a finished run must reach, `test.accuracy: {min: 0.97}`; else the exit code is 3"),
  };
  return list;
}

}  // namespace dlb::train
