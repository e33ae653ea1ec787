#include "device/observation/observation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.h"

namespace mw::observation {
namespace {

const std::string bundle(64, 'a');

std::shared_ptr<pipeline::Reference> reference_of(std::size_t features) {
    SeededRandom random(1);
    auto reference = std::make_shared<pipeline::Reference>();
    std::vector<double> values(2000);
    for (std::size_t i = 0; i <= features; ++i) {
        for (double& value : values) value = random.normal();
        auto made = pipeline::distribution_of("f" + std::to_string(i), values);
        if (i < features)
            reference->features.push_back(std::move(made));
        else
            reference->score = std::move(made);
    }
    return reference;
}

struct Fed {
    std::vector<double> features;
    double score, latency;
    Timestamp time;
};

std::vector<Fed> stream(std::size_t features, int count, nanoseconds every, std::uint64_t seed) {
    SeededRandom random(seed);
    std::vector<Fed> all;
    for (int i = 0; i < count; ++i) {
        Fed fed{{}, random.normal(), 40 * std::exp(.3 * random.normal()), Timestamp{} + every * i};
        for (std::size_t f = 0; f < features; ++f) fed.features.push_back(random.normal());
        all.push_back(std::move(fed));
    }
    return all;
}

void feed(Observer& observer, const Fed& fed) {
    observer.observe(fed.features, fed.score, fed.time, fed.latency);
}

TEST(Observer, closes_a_window_when_a_later_decision_comes) {
    Observer observer(reference_of(2), bundle, minutes{1});
    for (const Fed& fed : stream(2, 150, seconds{1}, 3)) feed(observer, fed);
    const auto closed = observer.take_closed();
    ASSERT_EQ(closed.size(), 2u);
    EXPECT_EQ(closed[0].from, Timestamp{});
    EXPECT_EQ(closed[1].from, Timestamp{} + minutes{1});
    EXPECT_EQ(closed[1].to, Timestamp{} + minutes{2});
    EXPECT_EQ(closed[0].counts.values(), 60u);
    EXPECT_EQ(closed[0].latency_us.count(), 60u);
    EXPECT_TRUE(observer.take_closed().empty());
    EXPECT_EQ(observer.close()->counts.values(), 30u);
    EXPECT_FALSE(observer.close());
}

// Power cuts after any decision: what was sent is the same to the last bit.
TEST(Observer, restarts_change_nothing) {
    const auto reference = reference_of(3);
    const auto fed = stream(3, 400, seconds{1}, 5);
    const auto run = [&](int every) {
        auto observer = std::make_unique<Observer>(reference, bundle, minutes{1});
        std::vector<Bytes> sent;
        for (std::size_t i = 0; i < fed.size(); ++i) {
            feed(*observer, fed[i]);
            for (const auto& sketch : observer->take_closed()) sent.push_back(encode(sketch));
            if (every == 0 || i % static_cast<std::size_t>(every) != 0) continue;
            auto next = std::make_unique<Observer>(reference, bundle, minutes{1});
            EXPECT_TRUE(next->restore(observer->checkpoint()));
            observer = std::move(next);
        }
        return sent;
    };
    const auto whole = run(0);
    EXPECT_EQ(whole.size(), 6u);
    EXPECT_EQ(run(1), whole);
    EXPECT_EQ(run(17), whole);
}

TEST(Observer, a_window_that_is_opened_again_is_another_part) {
    Observer observer(reference_of(1), bundle, minutes{1});
    const auto fed = stream(1, 70, seconds{1}, 3);
    for (const Fed& one : fed) feed(observer, one);
    for (const Fed& one : fed) feed(observer, one);
    const auto closed = observer.take_closed();
    ASSERT_EQ(closed.size(), 3u);
    EXPECT_EQ(closed[1].part, 0u);
    EXPECT_EQ(closed[2].from, closed[0].from);
    EXPECT_EQ(closed[2].part, 1u);
    EXPECT_EQ(observer.close()->part, 2u);
}

TEST(Observer, a_checkpoint_of_another_bundle_gives_what_it_had_open) {
    Observer old(reference_of(2), bundle), next(reference_of(4), std::string(64, 'b'));
    for (const Fed& fed : stream(2, 20, seconds{1}, 3)) feed(old, fed);
    EXPECT_FALSE(next.restore(old.checkpoint()));
    const auto left = left_open(old.checkpoint());
    ASSERT_TRUE(left);
    EXPECT_EQ(left->bundle, bundle);
    EXPECT_EQ(left->counts.values(), 20u);
    EXPECT_FALSE(left_open(Bytes{9, 9}));
}

TEST(Observer, what_is_no_number_counts_as_bad) {
    Observer observer(reference_of(2), bundle);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    observer.observe(std::vector<double>{nan, 0}, nan, Timestamp{}, 10);
    const auto sketch = observer.close();
    EXPECT_EQ(sketch->counts.columns[0].bad, 1u);
    EXPECT_EQ(sketch->counts.columns[1].n(), 1u);
    EXPECT_EQ(sketch->counts.columns[2].bad, 1u);
}

TEST(Sketch, bytes_go_both_ways_and_stay_within_4_kB_a_device_hour) {
    Observer observer(reference_of(20), bundle);
    std::size_t bytes = 0, sent = 0;
    for (const Fed& fed : stream(20, 3601, seconds{1}, 8)) {
        feed(observer, fed);
        for (const auto& sketch : observer.take_closed()) {
            const Bytes encoded = encode(sketch);
            bytes += encoded.size() + std::strlen("mw/v1/gateway-0001/sketch/pump-model");
            ++sent;
            const auto back = drift::decode_sketch(encoded);
            ASSERT_TRUE(back) << back.error().message;
            EXPECT_EQ(back->counts, sketch.counts);
            EXPECT_EQ(back->latency_us, sketch.latency_us);
            EXPECT_EQ(back->from, sketch.from);
            EXPECT_EQ(back->to, sketch.to);
            EXPECT_EQ(back->bundle, sketch.bundle);
            for (std::size_t cut = 0; cut < encoded.size(); ++cut)
                EXPECT_FALSE(drift::decode_sketch(ByteView(encoded).first(cut)));
        }
    }
    EXPECT_EQ(sent, 6u);
    std::printf("%zu bytes an hour\n", bytes);
    EXPECT_LE(bytes, 4096u);
}

// docs/formats/sketch.md shows these bytes.
TEST(Sketch, golden) {
    drift::Sketch sketch;
    sketch.bundle = bundle;
    sketch.to = sketch.from + minutes{10};
    sketch.counts.columns.resize(2);
    sketch.counts.columns[0].bins = {3, 0, 5};
    sketch.counts.columns[0].pairs[0] = {7, 9};
    sketch.counts.columns[1].bins = {8};
    sketch.counts.columns[1].bad = 2;
    EXPECT_EQ(to_hex(ByteView(encode(sketch)).subspan(36)),
              "0000000000000000c0cf240002"
              "0303430101090800"
              "0144080208000800"
              "4d574831000000000000000000000000000000000000000000000000000000");
}

}  // namespace
}  // namespace mw::observation
