// The answers of ../shared/data/drift_kat. Its streams are made here by their recipes and, where
// the folder is present, compared with its files.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/histogram.h"
#include "insight/drift/drift.h"

namespace mw::drift {
namespace {

using Stream = std::vector<double>;

// The alternating stream S3 of 0 and 1: four values a digit, the first in the highest bit.
constexpr std::string_view s3_digits =
    "4fef267c1506f66b81e1bd77b0358a320f968d2615e821c0f3a03564f4472aa21516602956d8e36b6624"
    "b9e0f1e48e58e755ef3041f34f73494a5e51d996ffffffbffffffffffffffffffffffffffffffffffdff"
    "fffffffffffffffffffffffffffffffffffffffffffff7ffffffffffffffffffffffffffffffffffff46"
    "e6c3b23408512d7125506e049efe6ee7024985a82043544fc08af401092ef5fe265991fafb08502b4ba1"
    "e3550cba48c259dd113f6dd9d01cba4c2be10d7fffffffefffffffffffffffffefffffffffffffffffff"
    "fffffffffffffffffffffffffdfffffffffffffffffffffffffffffffffffffffffffffffffffffd";

double unit(MersenneTwister& random) {  // 53 bits
    const double high = random.next() >> 5, low = random.next() >> 6;
    return (high * 67108864 + low) / 9007199254740992;
}

// As random.Random(seed).choices of whole numbers from `first` on.
void choose(MersenneTwister& random, int first, int count, Stream& into) {
    for (int i = 0; i < 1000; ++i) into.push_back(first + std::floor(unit(random) * count));
}

std::map<std::string, Stream> streams() {
    std::map<std::string, Stream> all;
    MersenneTwister a = MersenneTwister::plain(12345);
    for (int i = 0; i < 2000; ++i) all["S1"].push_back(a.next() & (i < 1000 ? 1 : 7));
    MersenneTwister b = MersenneTwister::plain(12345);
    for (int i = 0; i < 2000; ++i) {
        const bool rare = unit(b) > .8;
        all["S2"].push_back(rare == (i < 1000) ? 1 : 0);
    }
    for (const char c : s3_digits) {
        const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
        for (int bit = 3; bit >= 0; --bit) all["S3"].push_back(digit >> bit & 1);
    }
    MersenneTwister d(12345), e(42), f(42);
    choose(d, 0, 2, all["S4"]);
    choose(d, 4, 4, all["S4"]);
    choose(e, 0, 2, all["S5"]);
    for (int i = 0; i < 1000; ++i) all["S5"].push_back(unit(e) < .3 ? 0 : 1);
    for (int i = 0; i < 2; ++i) {
        choose(f, 0, 2, all["S6"]);
        choose(f, 4, 4, all["S6"]);
    }
    return all;
}

template <class Detector>
std::vector<int> detections(Detector detector, const Stream& stream) {
    std::vector<int> at;
    for (std::size_t i = 0; i < stream.size(); ++i)
        if (detector.update(stream[i])) at.push_back(static_cast<int>(i));
    return at;
}
using At = std::vector<int>;

TEST(KnownAnswers, streams_are_those_of_the_folder) {
    const auto folder =
        std::filesystem::path(MW_SOURCE_DIR).parent_path() / "shared/data/drift_kat";
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << "the folder is not here";
    for (const auto& [name, stream] : streams()) {
        std::ifstream file(folder / (name + ".csv"));
        std::string header;
        std::getline(file, header);
        Stream there;
        for (double value; file >> value;) there.push_back(value);
        EXPECT_EQ(stream, there) << name;
    }
}

TEST(KnownAnswers, adwin) {
    auto s = streams();
    EXPECT_EQ(detections(Adwin(), s["S1"]), At({1023}));
    EXPECT_EQ(detections(Adwin(), s["S2"]), At({1055}));
    EXPECT_EQ(detections(Adwin(), s["S3"]), At({543, 1023, 1567}));
    EXPECT_EQ(detections(Adwin(), s["S4"]), At({1023}));
    EXPECT_EQ(detections(Adwin(), s["S6"]), At({1023, 2015, 3007}));
}

TEST(KnownAnswers, page_hinkley) {
    auto s = streams();
    EXPECT_EQ(detections(PageHinkley(), s["S1"]), At({1020, 1991}));
    EXPECT_EQ(detections(PageHinkley(), s["S4"]), At({1006}));
}

TEST(KnownAnswers, kswin) {
    auto s = streams();
    EXPECT_EQ(detections(Kswin({.0001, 200, 100, 42}), s["S1"]), At({1042}));
    EXPECT_EQ(detections(Kswin({.0001, 100, 30, 42}), s["S4"]), At({1016}));
}

TEST(KnownAnswers, ddm_and_hddm) {
    auto s = streams();
    EXPECT_EQ(detections(Ddm(), s["S2"]), At({1049}));
    EXPECT_EQ(detections(Ddm(), s["S5"]), At({1334}));
    EXPECT_EQ(detections(HddmA(), s["S2"]), At({1047}));
    EXPECT_EQ(detections(HddmA({.two_sided = true}), s["S3"]), At({531, 1015, 1545}));
    EXPECT_EQ(detections(HddmA(), s["S5"]), At({1206}));
}

TEST(KnownAnswers, distances_of_a_thousand_squares) {
    Stream reference, current;
    for (int i = 0; i < 1000; ++i) {
        reference.push_back(i / 1000.0);
        current.push_back(i / 1000.0 * (i / 1000.0));
    }
    const Stream edges{.0999, .1998, .2997, .3996, .4995, .5994, .6993, .7992, .8991};
    const auto counts = [&](const Stream& values) {
        std::vector<std::uint64_t> bins(10);
        for (const double value : values)
            ++bins[std::lower_bound(edges.begin(), edges.end(), value) - edges.begin()];
        return bins;
    };
    EXPECT_NEAR(psi(counts(reference), counts(current)), .3830813706380277, 1e-12);
    EXPECT_NEAR(jensen_shannon(counts(reference), counts(current)), .046055108950191374, 1e-12);
    EXPECT_NEAR(ks_distance(reference, current), .25, 1e-12);
    EXPECT_NEAR(wasserstein(reference, current), .1666665, 1e-12);
}

TEST(KnownAnswers, buckets_of_the_latency_histogram) {
    const std::map<double, int> index{{.001, -345}, {.5, -34}, {1, 0},
                                      {2, 35},      {10, 116}, {1000, 346}};
    for (const auto& [value, bucket] : index) {
        Histogram one;
        one.add(value);
        const Json json = one.to_json();
        const Json* pairs = find(json, "pos");
        ASSERT_TRUE(pairs && pairs->is_array() && !pairs->get_array().empty());
        EXPECT_EQ(pairs->get_array()[0].to_number<int>(), bucket) << value;
    }
}

}  // namespace
}  // namespace mw::drift
