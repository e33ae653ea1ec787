#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/crc32c.h"
#include "base/random.h"
#include "protocols/payload/payload.h"

namespace mw::payload {
namespace {

constexpr std::int64_t noon = 1'700'000'000'000'000'000;

void add_run(Batch& batch, const std::string& signal, std::vector<std::int64_t> times,
             std::vector<double> values, std::vector<Quality> quality = {}) {
    const auto begin = static_cast<std::uint32_t>(batch.size());
    for (auto time : times) batch.times.push_back({time});
    batch.values.insert(batch.values.end(), values.begin(), values.end());
    quality.resize(values.size(), Quality::good());
    batch.quality.insert(batch.quality.end(), quality.begin(), quality.end());
    batch.runs.push_back(
        {signal, signal == "flow" ? "m3/h" : "", begin, static_cast<std::uint32_t>(batch.size())});
}

Batch pump() {
    Batch batch;
    batch.device.text = "pump-1";
    batch.position.sequence = 7;
    add_run(batch, "pressure", {noon, noon + 10, noon + 20}, {1.25, -3.5, 300});
    add_run(batch, "flow", {noon, noon + 11, noon + 20}, {1e-9, 0.1 + 0.2, -0.0});
    add_run(batch, "level", {noon, noon + 11, noon + 20}, {1'000'000.25, 2, 3},
            {Quality::good(), Quality::bad(Reason::source_bad), Quality::good()});
    return batch;
}

Bytes encoded(const Batch& batch, bool anonymous = false) {
    Bytes bytes;
    encode_binary(batch, bytes, anonymous);
    return bytes;
}

// As an attacker would who can compute the checksum.
Bytes resealed(Bytes bytes) {
    const std::size_t end = bytes.size() - 8;
    store_le(bytes.data() + end, crc32c(ByteView(bytes).first(end)));
    return bytes;
}

void expect_same(const Batch& got, const Batch& want) {
    EXPECT_EQ(got.device, want.device);
    EXPECT_EQ(got.position.sequence, want.position.sequence);
    EXPECT_EQ(got.replayed, want.replayed);
    ASSERT_EQ(got.runs.size(), want.runs.size());
    for (std::size_t i = 0; i < want.runs.size(); ++i) {
        EXPECT_EQ(got.runs[i].signal, want.runs[i].signal);
        EXPECT_EQ(got.runs[i].unit, want.runs[i].unit);
        EXPECT_EQ(got.runs[i].begin, want.runs[i].begin);
        EXPECT_EQ(got.runs[i].end, want.runs[i].end);
    }
    EXPECT_EQ(got.times, want.times);
    ASSERT_EQ(got.values.size(), want.values.size());
    EXPECT_EQ(std::memcmp(got.values.data(), want.values.data(), 8 * want.values.size()), 0);
    EXPECT_EQ(got.quality, want.quality);
}

TEST(Binary, gives_every_bit_back) {
    const Batch batch = pump();
    const Bytes bytes = encoded(batch);
    ASSERT_TRUE(is_binary(bytes));
    BinaryDecoder decoder;
    Batch got;
    auto length = decoder.decode(bytes, "", got);
    ASSERT_TRUE(length) << length.error().message;
    EXPECT_EQ(*length, bytes.size());
    expect_same(got, batch);
    const std::uint64_t form = got.form;
    EXPECT_NE(form, 0u);
    ASSERT_TRUE(decoder.decode(bytes, "", got));
    EXPECT_EQ(got.form, form) << "the same names have the same form";
    expect_same(got, batch);
}

TEST(Binary, batches_follow_each_other_and_forms_tell_names_apart) {
    Batch other = pump();
    other.runs[1].signal = "torque";
    other.replayed = true;
    Bytes bytes = encoded(pump());
    encode_binary(other, bytes);
    BinaryDecoder decoder;
    Batch got;
    auto first = decoder.decode(bytes, "", got);
    ASSERT_TRUE(first);
    const std::uint64_t form = got.form;
    auto second = decoder.decode(ByteView(bytes).subspan(*first), "", got);
    ASSERT_TRUE(second) << second.error().message;
    EXPECT_NE(got.form, form);
    expect_same(got, other);
    EXPECT_EQ(*first + *second, bytes.size());
}

TEST(Binary, sensor_values_take_two_or_four_bytes) {
    Batch narrow, wide, raw;
    for (Batch* batch : {&narrow, &wide, &raw}) batch->device.text = "d";
    std::vector<std::int64_t> times;
    std::vector<double> cents, large, noise;
    SeededRandom random(1);
    for (int i = 0; i < 1000; ++i) {
        times.push_back(noon + i * 10);
        cents.push_back(static_cast<double>(i) / 100);
        large.push_back(1e6 + static_cast<double>(i) / 100);
        noise.push_back(random.normal());
    }
    add_run(narrow, "a", times, cents);
    add_run(wide, "a", times, large);
    add_run(raw, "a", times, noise);
    EXPECT_LT(encoded(narrow).size(), 2'000 + 120u);
    EXPECT_LT(encoded(wide).size(), 4'000 + 120u);
    EXPECT_LT(encoded(raw).size(), 8'000 + 120u);
    BinaryDecoder decoder;
    Batch got;
    for (const Batch* batch : {&narrow, &wide, &raw}) {
        ASSERT_TRUE(decoder.decode(encoded(*batch), "", got));
        expect_same(got, *batch);
    }
}

// One point of each signal, all of one time.
Batch row(int signals) {
    Batch batch;
    batch.device.text = "press-1";
    batch.position.sequence = 9;
    for (int i = 0; i < signals; ++i)
        add_run(batch, "axis." + std::to_string(i), {noon}, {1.5 + i});
    return batch;
}

TEST(Binary, a_row_has_one_head) {
    Batch batch = row(1'000);
    for (double& value : batch.values) value /= 3;
    const Bytes bytes = encoded(batch, true);
    EXPECT_LT(bytes.size(), 1'000 * (8 + 12 + 0u) + 150);
    BinaryDecoder decoder;
    Batch got;
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(decoder.decode(bytes, "press-1", got));
        expect_same(got, batch);
    }
    batch.quality[7] = Quality::bad(Reason::source_bad);
    ASSERT_TRUE(decoder.decode(encoded(batch, true), "press-1", got));
    expect_same(got, batch);
    batch.times[999].ns += 1;
    const Bytes no_row = encoded(batch, true);
    EXPECT_GT(no_row.size(), bytes.size() + 30'000);
    ASSERT_TRUE(decoder.decode(no_row, "press-1", got));
    expect_same(got, batch);
}

// docs/formats/points-binary.md: these bytes are promised.
TEST(Binary, a_row_byte_by_byte) {
    std::string hex;
    for (const std::uint8_t byte : encoded(row(2), true)) {
        constexpr char digits[] = "0123456789abcdef";
        hex += {digits[byte >> 4], digits[byte & 15]};
    }
    EXPECT_EQ(hex,
              "4d575042010002007000000016000000"
              "09000000000000000200000002000000"
              "00000000000000000000060061786973"
              "2e3000000600617869732e3100000000"
              "0200000001010100c000000000000000"
              "00002a36fe9c97170000000000000000"
              "0f00190000000000d0b54a8000000000");
}

TEST(Binary, of_rows_and_others_in_turn_no_run_is_left_in_the_wrong_place) {
    Batch wide = row(2), got;
    wide.runs[0].end = wide.runs[1].begin = 2;  // as many points as before, and one more
    wide.runs[1].end = 3;
    wide.times.push_back({noon});
    wide.values = {1, 2, 3};
    wide.quality.resize(3, Quality::good());
    BinaryDecoder decoder;
    for (const Batch& each : {row(2), wide, row(2)}) {
        ASSERT_TRUE(decoder.decode(encoded(each), "", got));
        expect_same(got, each);
    }
}

TEST(Binary, who_sends_may_name_no_other_device) {
    BinaryDecoder decoder;
    Batch got;
    ASSERT_TRUE(decoder.decode(encoded(pump(), true), "pump-9", got));
    EXPECT_EQ(got.device.text, "pump-9");
    ASSERT_TRUE(decoder.decode(encoded(pump(), true), "pump-8", got));
    EXPECT_EQ(got.device.text, "pump-8");
    ASSERT_TRUE(decoder.decode(encoded(pump()), "pump-1", got));
    auto other = decoder.decode(encoded(pump()), "pump-9", got);
    ASSERT_FALSE(other);
    EXPECT_NE(other.error().message.find("'pump-1' is not the device"), std::string::npos);
    EXPECT_EQ(got.size(), 0u);
    EXPECT_FALSE(decoder.decode(encoded(pump(), true), "", got));
}

TEST(Binary, values_that_are_not_finite_travel) {
    Batch batch;
    batch.device.text = "d";
    add_run(batch, "a", {noon, noon + 1, noon + 2},
            {std::nan(""), std::numeric_limits<double>::infinity(), 5e-324});
    BinaryDecoder decoder;
    Batch got;
    ASSERT_TRUE(decoder.decode(encoded(batch), "", got));
    expect_same(got, batch);
}

struct Broken {
    std::size_t at;
    std::uint64_t value;
    std::size_t bytes;
    const char* says;
};

TEST(Binary, what_is_wrong_is_said_with_its_byte) {
    const Bytes good = encoded(pump());
    const std::size_t names = load_le<std::uint32_t>(good.data() + 12);
    const std::size_t run = 40 + (names + 7) / 8 * 8;
    const Broken table[] = {
        {0, 'X', 1, "byte 0): want a header"},
        {4, 2, 2, "byte 4): version 2"},
        {6, 4, 2, "byte 6): a flag"},
        {8, 1u << 30, 4, "byte 8): the length"},
        {8, 41, 4, "byte 8): the length"},
        {12, 5'000, 4, "byte 12): names and runs"},
        {12, names - 1, 4, "binary batch (byte "},
        {24, 0, 4, "byte 24): want 1 to"},
        {24, 2'000, 4, "byte 24): want 1 to"},
        {24, 2, 4, "runs"},
        {28, 8, 4, "runs have 9 points"},
        {28, 1u << 31, 4, "byte 28): a batch has up to"},
        {40, 0xffff, 2, "byte 42): a name is longer"},
        {42, 1, 1, "byte 42): "},
        {run, 0, 4, "a run has 1 point"},
        {run + 4, 3, 1, "are not known"},
        {run + 4, 2, 1, "the run before"},
        {run + 5, 4, 1, "are not known"},
        {run + 6, 16, 1, "are not known"},
        {run + 7, 3, 1, "are not known"},
        {run + 16, ~0ull >> 1, 8, "1970 to 2261"},
        {run + 16, ~0ull, 8, "1970 to 2261"},
        {run + 24, 1ull << 62, 8, "1970 to 2261"},
    };
    BinaryDecoder decoder;
    Batch got;
    for (const Broken& broken : table) {
        Bytes bytes = good;
        std::memcpy(bytes.data() + broken.at, &broken.value, broken.bytes);
        auto length = decoder.decode(resealed(bytes), "", got);
        ASSERT_FALSE(length) << broken.at << " " << broken.says;
        EXPECT_EQ(length.error().code, Errc::invalid_input);
        EXPECT_NE(length.error().message.find(broken.says), std::string::npos)
            << broken.at << ": " << length.error().message;
        EXPECT_EQ(got.size(), 0u);
    }
}

TEST(Binary, what_is_wrong_with_a_row_is_said) {
    const Bytes good = encoded(row(3));
    const std::size_t head = 40 + (load_le<std::uint32_t>(good.data() + 12) + 7) / 8 * 8;
    const Broken table[] = {
        {28, 2, 4, "byte 28): a row has one point of each run"},
        {24, 4, 4, "a row has one point"},
        {6, 0, 2, "names and runs are longer"},
        {head, 2, 4, "the runs have 2 points"},
        {head, 4, 4, "not more than the batch"},
        {head + 4, 0, 1, "a row has one time"},
        {head + 4, 2, 1, "a row has one time"},
        {head + 24, 1, 8, "a row has one time"},
        {head + 16, ~0ull, 8, "1970 to 2261"},
    };
    BinaryDecoder decoder;
    Batch got;
    for (const Broken& broken : table) {
        Bytes bytes = good;
        std::memcpy(bytes.data() + broken.at, &broken.value, broken.bytes);
        auto length = decoder.decode(resealed(bytes), "", got);
        ASSERT_FALSE(length) << broken.says;
        EXPECT_NE(length.error().message.find(broken.says), std::string::npos)
            << length.error().message;
    }
}

TEST(Binary, no_flipped_bit_and_no_torn_end_gets_through) {
    const Bytes good = encoded(pump());
    BinaryDecoder decoder;
    Batch got;
    for (std::size_t bit = 0; bit < 8 * (good.size() - 4); ++bit) {
        Bytes bytes = good;
        bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
        EXPECT_FALSE(decoder.decode(bytes, "", got)) << bit;
    }
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_FALSE(decoder.decode(ByteView(good).first(size), "", got)) << size;
}

TEST(Binary, names_are_forgotten_beyond_the_limit) {
    BinaryLimits limits;
    limits.remembered = 1'000;
    BinaryDecoder decoder(limits);
    Batch got, batch = pump();
    for (int i = 0; i < 100; ++i) {
        batch.device.text = "pump-" + std::to_string(i % 50);
        ASSERT_TRUE(decoder.decode(encoded(batch), "", got));
        expect_same(got, batch);
    }
}

}  // namespace
}  // namespace mw::payload
