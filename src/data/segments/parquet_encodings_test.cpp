#include "data/segments/parquet_encodings.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"
#include "data/segments/thrift_compact.h"

namespace mw::segments {
namespace {

std::string hex(ByteView bytes) { return to_hex(bytes); }

// Readers as simple as the specification, so that writers are not judged by themselves.
struct Reader {
    ByteView bytes;
    std::size_t at = 0;

    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const std::uint8_t byte = bytes[at++];
            value |= std::uint64_t{byte & 0x7fu} << shift;
            if (byte < 0x80) return value;
        }
    }
    std::uint64_t unfolded() {
        const std::uint64_t folded = varint();
        return folded >> 1 ^ (~(folded & 1) + 1);
    }
    // `count` numbers of `width` bits, whole bytes together.
    std::vector<std::uint64_t> packed(std::size_t count, unsigned width) {
        std::vector<std::uint64_t> values(count);
        for (std::size_t bit = 0; bit < count * width; ++bit) {
            const std::uint64_t one = bytes[at + bit / 8] >> (bit % 8) & 1;
            values[bit / width] |= one << (bit % width);
        }
        at += count * width / 8;
        return values;
    }
};

std::vector<std::int64_t> read_deltas(ByteView bytes) {
    Reader reader{bytes};
    EXPECT_EQ(reader.varint(), 128u);
    EXPECT_EQ(reader.varint(), 4u);
    const std::uint64_t count = reader.varint();
    std::uint64_t value = reader.unfolded();
    std::vector<std::int64_t> values{static_cast<std::int64_t>(value)};
    while (values.size() < count) {
        const std::uint64_t smallest = reader.unfolded();
        const ByteView widths = bytes.subspan(reader.at, 4);
        reader.at += 4;
        for (std::size_t mini = 0; mini < 4 && values.size() < count; ++mini) {
            for (const std::uint64_t more : reader.packed(32, widths[mini])) {
                if (values.size() == count) break;
                value += smallest + more;
                values.push_back(static_cast<std::int64_t>(value));
            }
        }
    }
    EXPECT_EQ(reader.at, bytes.size());
    return values;
}

std::vector<std::uint32_t> read_runs(ByteView bytes, unsigned width, std::size_t count) {
    Reader reader{bytes};
    std::vector<std::uint32_t> values;
    while (reader.at < bytes.size()) {
        const std::uint64_t header = reader.varint();
        if (header & 1) {
            for (const std::uint64_t value : reader.packed((header >> 1) * 8, width))
                values.push_back(static_cast<std::uint32_t>(value));
        } else {
            std::uint32_t value = 0;
            for (unsigned bit = 0; bit < width; bit += 8)
                value |= std::uint32_t{bytes[reader.at++]} << bit;
            values.insert(values.end(), header >> 1, value);
        }
    }
    EXPECT_GE(values.size(), count);
    EXPECT_LT(values.size(), count + 8) << "padding beyond a group of eight";
    values.resize(count);
    return values;
}

TEST(ParquetDeltas, look_as_the_specification_says) {
    DeltaEncoder encoder;
    encoder.append(std::vector<std::int64_t>{7, 5, 3, 1, 2, 3, 4, 5});
    // 128 values a block, 4 miniblocks, 8 values, first 7 (14 folded); smallest -2 (3 folded), two
    // bits in the first miniblock: 0 0 0 3 3 3 3 and zeros.
    EXPECT_EQ(hex(encoder.finish()), "800104080e0302000000c03f000000000000");
    encoder.clear();
    encoder.append(std::vector<std::int64_t>{-1});
    EXPECT_EQ(hex(encoder.finish()), "8001040101");
    encoder.clear();
    EXPECT_TRUE(encoder.finish().empty());
}

TEST(ParquetDeltas, any_numbers_come_back) {
    SeededRandom random(3);
    const std::int64_t low = std::numeric_limits<std::int64_t>::min();
    const std::int64_t high = std::numeric_limits<std::int64_t>::max();
    DeltaEncoder encoder;
    for (int round = 0; round < 400; ++round) {
        SCOPED_TRACE(round);
        encoder.clear();
        std::vector<std::int64_t> want;
        const std::uint64_t series = 1 + random.below(6);
        for (std::uint64_t s = 0; s < series; ++s) {
            std::vector<std::int64_t> values(1 + random.below(round % 3 == 0 ? 5 : 300));
            const auto bits = static_cast<unsigned>(random.below(64));
            std::uint64_t level = random.next() >> random.below(64);
            for (std::int64_t& value : values) {
                level += bits == 0 ? 3 : random.next() >> (64 - bits);
                value = static_cast<std::int64_t>(level);
            }
            if (round % 7 == 0) values.push_back(random.below(2) == 0 ? low : high);
            want.insert(want.end(), values.begin(), values.end());
            if (random.below(2) == 0)
                encoder.append(values);
            else
                encoder.append(values,
                               random.below(4) == 0 ? low : -(std::int64_t{1} << (bits % 63)));
        }
        ASSERT_EQ(encoder.count(), want.size());
        ASSERT_EQ(read_deltas(encoder.finish()), want);
    }
}

TEST(ParquetDeltas, equal_series_behind_one_another_are_equal_bytes) {
    SeededRandom random(4);
    std::vector<std::int64_t> times(1000);
    std::int64_t time = 0;
    for (std::int64_t& one : times) one = time += 10'000'000 + std::int64_t(random.below(4000));
    DeltaEncoder encoder;
    // 1000 is no multiple of 128: the second begins at another place of a block.
    for (int i = 0; i < 2; ++i) encoder.append(times, -(std::int64_t{1} << 40));
    const ByteView bytes = encoder.finish();
    const auto found =
        std::search(bytes.begin() + 3000, bytes.end(), bytes.begin() + 200, bytes.begin() + 400);
    EXPECT_NE(found, bytes.end());
}

TEST(ParquetRuns, look_as_the_specification_says) {
    Bytes out;
    append_runs(out, std::vector<CodeRun>{{3, 20}}, 2);
    EXPECT_EQ(hex(out), "2803");
    out.clear();
    // 0 to 7 in three bits, the specification's own example.
    std::vector<CodeRun> runs;
    for (std::uint32_t i = 0; i < 8; ++i) runs.push_back({i, 1});
    append_runs(out, runs, 3);
    EXPECT_EQ(hex(out), "0388c6fa");
    EXPECT_EQ(width_of_codes(0), 1u);
    EXPECT_EQ(width_of_codes(1), 1u);
    EXPECT_EQ(width_of_codes(2), 1u);
    EXPECT_EQ(width_of_codes(3), 2u);
    EXPECT_EQ(width_of_codes(65'537), 17u);
}

TEST(ParquetRuns, any_codes_come_back) {
    SeededRandom random(5);
    for (int round = 0; round < 400; ++round) {
        SCOPED_TRACE(round);
        const auto width = static_cast<unsigned>(1 + random.below(20));
        std::vector<CodeRun> runs;
        std::vector<std::uint32_t> want;
        for (std::uint64_t i = random.below(60); i > 0; --i) {
            const auto value = static_cast<std::uint32_t>(random.below(std::uint64_t{1} << width));
            const auto count = static_cast<std::uint32_t>(
                random.below(3) == 0 ? random.below(300) : 1 + random.below(9));
            add_run(runs, value, count);
            want.insert(want.end(), count, value);
        }
        Bytes out;
        append_runs(out, runs, width);
        ASSERT_EQ(read_runs(out, width, want.size()), want);
    }
}

TEST(ThriftCompact, looks_as_the_specification_says) {
    Bytes out;
    ThriftWriter writer(out);
    writer.i32(1, 50'399);
    writer.boolean(2, true);
    writer.begin_list(5, ThriftType::binary, 2);
    writer.binary_element("a");
    writer.binary_element("");
    writer.begin_struct(8);
    writer.i64(3, -1);
    writer.boolean(4, false);
    writer.end_struct();
    writer.begin_list(9, ThriftType::i32, 15);
    for (int i = 0; i < 15; ++i) writer.i32_element(i == 14 ? -64 : 0);
    writer.end_struct();
    EXPECT_EQ(hex(out),
              "15be9306"
              "11"
              "3928"
              "0161"
              "00"
              "3c"
              "3601"
              "12"
              "00"
              "19f50f"
              "0000000000000000000000000000"
              "7f"
              "00");
}

}  // namespace
}  // namespace mw::segments
