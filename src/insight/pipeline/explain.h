#pragma once
// What a pipeline does, in words for the person who has to trust it. Pure.

#include <string>

#include "insight/pipeline/spec.h"

namespace mw::pipeline {

// Lines of text: inputs, rows, windows, each feature with its formula, scaling, model, threshold,
// what happens when inputs are bad, and how far back its memory reaches.
std::string explain(const Spec& spec);

}  // namespace mw::pipeline
