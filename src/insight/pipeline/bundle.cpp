#include "insight/pipeline/bundle.h"

#include <algorithm>

#include "insight/pipeline/selftest.h"
#include "insight/pipeline/ustar.h"
#include "platform/crypto/crypto.h"

namespace mw::pipeline {
namespace {

Error bad_bundle(std::string message) {
    return Error{Errc::invalid_input, "bundle: " + std::move(message)};
}

// The bundle's files in the order of their names.
std::vector<TarFile> files_of(const Bundle& bundle) {
    return {{"card.md", bytes_of(bundle.card)},
            {"model.onnx", bundle.model},
            {"pipeline.yaml", bytes_of(bundle.pipeline)},
            {"reference.json", bytes_of(bundle.reference)},
            {"selftest.json", bytes_of(bundle.selftest)}};
}

Result<void> check_sizes(const std::vector<TarFile>& files, const BundleLimits& limits) {
    for (const TarFile& file : files) {
        const std::size_t most =
            file.name == "model.onnx" ? limits.model_bytes_max : limits.text_bytes_max;
        if (file.content.empty()) return bad_bundle(std::string(file.name) + " is empty");
        if (file.content.size() > most)
            return bad_bundle(std::string(file.name) + " has " +
                              std::to_string(file.content.size()) + " bytes, more than " +
                              std::to_string(most));
    }
    return {};
}

Result<void> check_reference(const Reference& reference, const Spec& spec) {
    const auto& features = spec.plan.features;
    if (reference.features.size() != features.size())
        return bad_bundle("reference.json has " + std::to_string(reference.features.size()) +
                          " features, pipeline.yaml " + std::to_string(features.size()));
    for (std::size_t i = 0; i < features.size(); ++i)
        if (reference.features[i].name != features[i].name)
            return bad_bundle("reference.json has feature '" + reference.features[i].name +
                              "' where pipeline.yaml has '" + features[i].name + "'");
    return {};
}

Reference empty_reference(const Spec& spec) {
    Reference reference;
    for (const auto& feature : spec.plan.features)
        reference.features.push_back(distribution_of(feature.name, {}));
    reference.score = distribution_of("score", {});
    return reference;
}

std::string plain_card(const Spec& spec) {
    std::string card =
        "# Model card\n\nA model made elsewhere, with a pipeline file. "
        "Nothing is known about its training.\n\n## Inputs\n";
    for (const Input& input : spec.inputs) card += "- " + input.signal + "\n";
    card += "\n## Features\n";
    for (const auto& feature : spec.plan.features)
        card += "- " + feature.name + ": " + std::string(to_string(feature.statistic)) + " of " +
                spec.inputs[feature.input].name + "\n";
    return card;
}

Result<Pipeline> open_pipeline(std::string_view yaml, ByteView model, inference::Engine& engine,
                               Clock& clock) {
    auto spec = parse_spec(yaml);
    if (!spec) return std::move(spec).error().context("pipeline.yaml");
    const inference::Binding binding{spec->model_input, spec->model_output,
                                     spec->plan.features.size()};
    auto loaded = engine.load(model, binding);
    if (!loaded) return std::move(loaded).error().context("model.onnx");
    return Pipeline::open(*std::move(spec), *std::move(loaded), clock);
}

}  // namespace

Result<Bytes> pack(const Bundle& bundle, const BundleLimits& limits) {
    const auto files = files_of(bundle);
    TRY_VOID(check_sizes(files, limits));
    return write_tar(files);
}

Result<Bundle> unpack(ByteView tar, const BundleLimits& limits) {
    const std::size_t most = limits.model_bytes_max + 4 * limits.text_bytes_max + 8192;
    if (tar.size() > most)
        return bad_bundle("it has " + std::to_string(tar.size()) + " bytes, at most " +
                          std::to_string(most) + " are allowed");
    auto read = read_tar(tar, 5);
    if (!read) return bad_bundle(read.error().message);
    Bundle bundle;
    const auto wanted = files_of(bundle);
    const auto same_name = [](const TarFile& a, const TarFile& b) { return a.name == b.name; };
    if (!std::equal(read->begin(), read->end(), wanted.begin(), wanted.end(), same_name))
        return bad_bundle(
            "it must hold card.md, model.onnx, pipeline.yaml, reference.json and "
            "selftest.json, in this order");
    TRY_VOID(check_sizes(*read, limits));
    const auto text = [&](std::size_t i) { return std::string(text_of((*read)[i].content)); };
    bundle.card = text(0);
    bundle.model.assign((*read)[1].content.begin(), (*read)[1].content.end());
    bundle.pipeline = text(2);
    bundle.reference = text(3);
    bundle.selftest = text(4);
    // One content, one identity: modes, owners, times and padding must be ours.
    TRY(const Bytes canonical, pack(bundle, limits));
    if (!std::equal(tar.begin(), tar.end(), canonical.begin(), canonical.end()))
        return bad_bundle("its archive form differs from the one that `millwright model` writes");
    return bundle;
}

std::string bundle_id(ByteView tar) {
    const auto digest = crypto::sha256(tar);
    return to_hex(digest);
}

Result<LoadedBundle> load_bundle(ByteView tar, inference::Engine& engine, Clock& clock,
                                 std::string_view expected_id) {
    std::string id = bundle_id(tar);
    if (!expected_id.empty() && id != expected_id)
        return Error{Errc::corrupt,
                     "bundle: its SHA-256 is " + id + ", expected " + std::string(expected_id)};
    TRY(Bundle bundle, unpack(tar));
    TRY(Pipeline pipeline, open_pipeline(bundle.pipeline, bundle.model, engine, clock));
    TRY(Reference reference, parse_reference(bundle.reference));
    TRY_VOID(check_reference(reference, pipeline.spec()));
    TRY_VOID(run_selftest(bundle.selftest, pipeline));
    return LoadedBundle{std::move(id), std::move(pipeline), std::move(reference),
                        std::move(bundle.card)};
}

Result<Bytes> make_bundle(BundleParts parts, inference::Engine& engine) {
    RealClock clock;
    TRY(Pipeline pipeline, open_pipeline(parts.pipeline, parts.model, engine, clock));
    if (parts.reference.empty()) parts.reference = to_text(empty_reference(pipeline.spec()));
    if (parts.card.empty()) parts.card = plain_card(pipeline.spec());
    TRY(const Reference reference, parse_reference(parts.reference));
    TRY_VOID(check_reference(reference, pipeline.spec()));
    Bundle bundle{std::move(parts.model),
                  std::move(parts.pipeline),
                  std::move(parts.reference),
                  std::move(parts.card),
                  {}};
    TRY(bundle.selftest, make_selftest(pipeline));
    return pack(bundle);
}

}  // namespace mw::pipeline
