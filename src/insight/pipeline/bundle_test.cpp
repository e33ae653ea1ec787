#include "insight/pipeline/bundle.h"

#include <gtest/gtest.h>

#include "insight/pipeline/test_model.h"
#include "insight/pipeline/ustar.h"

namespace mw::pipeline {
namespace {

constexpr std::string_view yaml = R"(version: 1
inputs: [{name: flow}, {name: pressure}]
window: {rows: 4}
features:
  - {name: f, input: flow, center: 32, scale: 2}
  - {name: p, input: pressure, statistic: deviation}
score: {smoothing: mean, scores: 3}
)";

Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

BundleParts parts(std::string_view model = "SUM:2") {
    return {bytes(model), std::string(yaml), {}, {}};
}

std::string refusal(ByteView tar, std::string_view id = {}) {
    SumEngine engine;
    SimulatedClock clock;
    const auto loaded = load_bundle(tar, engine, clock, id);
    return loaded ? std::string("accepted") : loaded.error().message;
}

Bytes made() {
    SumEngine engine;
    auto bundle = make_bundle(parts(), engine);
    EXPECT_TRUE(bundle.ok()) << (bundle.ok() ? "" : bundle.error().message);
    return *std::move(bundle);
}

TEST(Bundle, what_is_made_can_be_loaded_and_run) {
    SumEngine engine;
    SimulatedClock clock;
    const Bytes tar = made();
    auto loaded = load_bundle(tar, engine, clock, bundle_id(tar));
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded->reference.features[1].name, "p");
    EXPECT_EQ(loaded->reference.score.n, 0U);
    EXPECT_TRUE(loaded->card.starts_with("# Model card"));
    std::optional<Outcome> outcome;
    for (int t = 1; t <= 4; ++t) {
        const double row[] = {34, 5};
        outcome = loaded->pipeline.push({{t * 1'000'000'000LL}, row, {}});
    }
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->score, 2);
    EXPECT_TRUE(outcome->decision);
}

TEST(Bundle, the_same_content_has_the_same_bytes) {
    EXPECT_EQ(made(), made());
    EXPECT_EQ(bundle_id(made()).size(), 64U);
}

TEST(Bundle, unpacking_gives_back_what_was_packed) {
    const Bytes tar = made();
    const auto bundle = unpack(tar);
    ASSERT_TRUE(bundle.ok()) << bundle.error().message;
    EXPECT_EQ(bundle->pipeline, yaml);
    EXPECT_EQ(bundle->model, bytes("SUM:2"));
    EXPECT_EQ(*pack(*bundle), tar);
}

TEST(Bundle, another_identity_than_expected_is_refused) {
    EXPECT_TRUE(refusal(made(), std::string(64, '0')).starts_with("bundle: its SHA-256 is "));
}

TEST(Bundle, every_changed_bit_outside_the_contents_is_refused) {
    const Bytes tar = made();
    for (std::size_t i = 0; i < 512; ++i) {
        Bytes broken = tar;
        broken[i] ^= 4;
        EXPECT_FALSE(unpack(broken).ok()) << "byte " << i;
    }
}

TEST(Bundle, every_cut_is_refused) {
    const Bytes tar = made();
    for (std::size_t size = 0; size < tar.size(); size += 37)
        EXPECT_FALSE(unpack(ByteView(tar).first(size)).ok()) << size;
}

TEST(Bundle, other_files_other_order_and_trailing_bytes_are_refused) {
    const std::string text = "x";
    const auto file = [&](std::string_view name) { return TarFile{name, bytes_of(text)}; };
    EXPECT_FALSE(unpack(write_tar({file("card.md")})).ok());
    EXPECT_FALSE(unpack(write_tar({file("card.md"), file("model.onnx"), file("pipeline.yaml"),
                                   file("reference.json"), file("../etc/passwd")}))
                     .ok());
    EXPECT_FALSE(unpack(write_tar({file("model.onnx"), file("card.md"), file("pipeline.yaml"),
                                   file("reference.json"), file("selftest.json")}))
                     .ok());
    Bytes longer = made();
    longer.resize(longer.size() + 512);
    EXPECT_FALSE(unpack(longer).ok());
}

TEST(Bundle, parts_over_their_limit_are_refused_both_ways) {
    const Bytes tar = made();
    const BundleLimits tight{.model_bytes_max = 4, .text_bytes_max = 1 << 20};
    EXPECT_FALSE(unpack(tar, tight).ok());
    EXPECT_FALSE(pack(*unpack(tar), tight).ok());
}

TEST(Bundle, a_model_that_scores_otherwise_fails_the_self_test) {
    auto bundle = unpack(made());
    bundle->model = bytes("SUM:2.1");
    const auto tar = pack(*bundle);
    EXPECT_TRUE(refusal(*tar).starts_with("selftest.json: vectors[0]: score")) << refusal(*tar);
}

TEST(Bundle, a_pipeline_that_scores_otherwise_fails_the_self_test) {
    auto bundle = unpack(made());
    bundle->pipeline.replace(bundle->pipeline.find("scale: 2"), 8, "scale: 3");
    const auto tar = pack(*bundle);
    EXPECT_TRUE(refusal(*tar).starts_with("selftest.json: row 3: score")) << refusal(*tar);
}

TEST(Bundle, each_broken_part_is_named) {
    const auto with = [](auto change) {
        auto bundle = unpack(made());
        change(*bundle);
        return refusal(*pack(*bundle));
    };
    EXPECT_TRUE(with([](Bundle& b) { b.model = bytes("??"); }).starts_with("model.onnx: "));
    EXPECT_TRUE(with([](Bundle& b) { b.pipeline = "a: 1"; }).starts_with("pipeline.yaml: "));
    EXPECT_TRUE(with([](Bundle& b) { b.reference = "{"; }).starts_with("reference.json: "));
    EXPECT_TRUE(with([](Bundle& b) { b.selftest = "{}"; }).starts_with("selftest.json: "));
}

TEST(Bundle, a_reference_for_other_features_is_refused) {
    SumEngine engine;
    Reference other;
    other.features = {distribution_of("f", {}), distribution_of("q", {})};
    other.score = distribution_of("score", {});
    auto given = parts();
    given.reference = to_text(other);
    const auto bundle = make_bundle(given, engine);
    ASSERT_FALSE(bundle.ok());
    EXPECT_NE(bundle.error().message.find("'q' where pipeline.yaml has 'p'"), std::string::npos);
}

TEST(Bundle, self_tests_exist_for_every_kind_of_window) {
    SumEngine engine;
    for (const char* window : {"{rows: 3}", "{kind: tumbling, rows: 9}",
                               "{rows: 5, every: {rows: 4}}", "{time: 10s, every: {time: 1s}}",
                               "{kind: tumbling, time: 1ms}", "{rows: 2, max_gap: 10ms}",
                               "{rows: 60000}", "{time: 1h, min_rows: 100, max_rows: 200}"}) {
        auto given = parts();
        const auto at = given.pipeline.find("{rows: 4}");
        given.pipeline.replace(at, 9, window);
        const auto bundle = make_bundle(given, engine);
        ASSERT_TRUE(bundle.ok()) << window << ": " << bundle.error().message;
        EXPECT_EQ(refusal(*bundle), "accepted") << window;
    }
}

TEST(Reference, bins_hold_equal_shares) {
    std::vector<double> values;
    for (int i = 0; i < 1600; ++i) values.push_back(i * 7 % 1600);
    const auto d = distribution_of("x", values);
    ASSERT_EQ(d.counts.size(), reference_bins);
    for (const auto count : d.counts) EXPECT_EQ(count, 100U);
    EXPECT_EQ(d.bin(-5), 0U);
    EXPECT_EQ(d.bin(1e9), 15U);
    EXPECT_DOUBLE_EQ(d.mean, 799.5);
}

TEST(Reference, equal_values_share_a_bin) {
    const std::vector<double> values = {3, 3, 3, 3, 3, 3, 3, 5};
    const auto d = distribution_of("x", values);
    EXPECT_EQ(d.edges, std::vector<double>{3});
    EXPECT_EQ(d.counts, (std::vector<std::uint64_t>{7, 1}));
}

TEST(Reference, its_own_text_reads_back) {
    Reference reference;
    std::vector<double> values;
    for (int i = 0; i < 500; ++i) values.push_back(std::sin(i) / 3);
    reference.features = {distribution_of("a", values)};
    reference.score = distribution_of("score", values);
    const auto again = parse_reference(to_text(reference));
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(again->features[0].counts, reference.features[0].counts);
    ASSERT_EQ(again->features[0].edges.size(), 15U);
    EXPECT_NEAR(again->features[0].edges[3], reference.features[0].edges[3], 1e-15);
}

}  // namespace
}  // namespace mw::pipeline
