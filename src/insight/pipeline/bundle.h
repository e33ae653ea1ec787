#pragma once
// Bundle: model.onnx, pipeline.yaml, reference.json, card.md and selftest.json in one deterministic
// ustar file (docs/formats/bundle.md). Its identity is the SHA-256 of the file. Pure functions.

#include <string>
#include <utility>

#include "base/clock.h"
#include "insight/pipeline/reference.h"
#include "insight/pipeline/scorer.h"

namespace mw::pipeline {

struct BundleLimits {
    std::size_t model_bytes_max = 256u << 20;
    std::size_t text_bytes_max = 8u << 20;  // each of the other four
};

struct Bundle {
    Bytes model;
    std::string pipeline;
    std::string reference;
    std::string card;
    std::string selftest;
};

// ustar with sorted names, mode 0644, owner 0, mtime 0: the same bytes for the same content.
Result<Bytes> pack(const Bundle& bundle, const BundleLimits& limits = {});
// Exactly these five regular files and zero padding, anything else is refused.
Result<Bundle> unpack(ByteView tar, const BundleLimits& limits = {});
std::string bundle_id(ByteView tar);  // SHA-256, lower-case hex

struct LoadedBundle {
    std::string id;
    Pipeline pipeline;
    Reference reference;
    std::string card;
};

// Unpacks, checks every part, runs the self-test, and gives a pipeline that has seen no row yet.
// `expected_id` empty: not compared.
Result<LoadedBundle> load_bundle(ByteView tar, inference::Engine& engine, Clock& clock,
                                 std::string_view expected_id = {});

// What one needs to make a bundle of any ONNX file that has a pipeline.yaml.
struct BundleParts {
    Bytes model;
    std::string pipeline;
    std::string card;       // empty: one is written from the pipeline
    std::string reference;  // empty: an empty reference (n = 0)
};
// Loads it, makes self-test rows and vectors with their scores from this very code, packs it.
Result<Bytes> make_bundle(BundleParts parts, inference::Engine& engine);

}  // namespace mw::pipeline
