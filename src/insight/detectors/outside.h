#pragma once
// Trainers that are not ours: they get the windows as the model will see them, made by the edge's
// own feature code, and leave an ONNX file. What is checked of ours is checked of theirs.

#include <string>
#include <vector>

#include "insight/detectors/train.h"

namespace mw::detectors {

struct Windows;

// Windows of any pipeline.yaml but one with a baseline, whose levels only a running pipeline knows.
Result<Windows> windows_of(const std::vector<Recording>& recordings, const pipeline::Spec& spec);

// `recording,time,label` and a column for each feature: the float that the model gets, in as many
// digits as give it back. The label is that of the window's last row; empty: nobody knows.
std::string windows_csv(const Windows& windows, const std::vector<Recording>& recordings);

struct OutsideModel {
    Bytes onnx;
    std::string pipeline;  // whose features are those of the windows
    std::string card;
};
// Loads the model, runs it on every window for the reference of its score, and packs the bundle
// with its self-test. Errors say what does not fit.
Result<Bytes> outside_bundle(OutsideModel model, const Windows& windows, inference::Engine& engine);

}  // namespace mw::detectors
