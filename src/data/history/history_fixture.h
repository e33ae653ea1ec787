#pragma once
// For the tests of this module: a history on a disk that can lose power, and a segment writer whose
// files the test reads back.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <fstream>
#include <map>
#include <semaphore>
#include <sstream>

#include "data/history/history.h"

namespace mw::history {

struct RowKey {
    std::string device, signal;
    std::int64_t time;
    auto operator<=>(const RowKey&) const = default;
};
struct RowValue {
    std::uint64_t bits = 0;  // of the double, so that NaN equals NaN
    std::uint8_t quality = 0;
    auto operator<=>(const RowValue&) const = default;
};
using Rows = std::map<RowKey, RowValue>;

// Of a text or a large integer, something that no double of these tests has.
inline std::uint64_t bits_of(double value, const Boxes* boxes) {
    constexpr std::uint64_t mark = 0x7ffb'0000'0000'0000, low = 0xffff'ffff;
    if (boxes && boxes->text(value))
        return mark | (std::hash<std::string_view>{}(*boxes->text(value)) & low);
    if (boxes && boxes->integer(value))
        return mark | (static_cast<std::uint64_t>(*boxes->integer(value)) & low) | (low + 1);
    return std::bit_cast<std::uint64_t>(value);
}

// One text line a row, written past the Files seam, as DuckDB does it.
class TextWriter final : public SegmentWriter {
 public:
    Result<PointRows> write_points(const PointPaths& paths, SortedPoints& points) override {
        std::ofstream out(paths.points);
        SortedSeries next;
        std::uint64_t rows = 0;
        while (points.next(next)) {
            for (std::size_t i = 0; i < next.rows.size(); ++i, ++rows)
                out << next.series->device << ' ' << next.series->signal << ' '
                    << next.rows.times[i].ns << ' ' << bits_of(next.rows.values[i], next.rows.boxes)
                    << ' ' << int{next.rows.quality[i].code} << ' ' << next.context->site << '\n';
        }
        out.close();
        PointRows written;
        TRY(written.points, finish(rows));
        written.rollups = roll_up(paths);
        return written;
    }
    Result<std::uint64_t> write_decisions(const std::string& path,
                                          const std::vector<DecisionRow>& rows) override {
        std::ofstream out(path);
        for (const auto& row : rows)
            out << row.decision->device.text << ' ' << row.decision->model << ' '
                << row.decision->window_to.ns << '\n';
        return finish(rows.size());
    }
    Result<Merged> merge_points(const PointPaths& paths, const MergeOrder& order,
                                std::stop_token) override {
        if (auto* closed = merge_gate.exchange(nullptr)) closed->acquire();
        Rows rows;
        Merged merged;
        for (const auto& input : order.inputs)
            for (const auto& [key, value] : read(input.path)) {
                if (!order.span.holds({key.time})) continue;
                merged.repeats += rows.contains(key);
                rows[key] = value;
            }
        if (order.erase)
            merged.erased = std::erase_if(rows, [&](const auto& row) {
                auto spans = order.erase(row.first.device, row.first.signal);
                return std::any_of(spans.begin(), spans.end(),
                                   [&](const auto& span) { return span.holds({row.first.time}); });
            });
        if (rows.empty()) return merged;
        std::ofstream out(paths.points);
        for (const auto& [key, value] : rows) {
            out << key.device << ' ' << key.signal << ' ' << key.time << ' ' << value.bits << ' '
                << int{value.quality} << '\n';
            merged.time_min = std::min(merged.time_min, Timestamp{key.time});
            merged.time_max = std::max(merged.time_max, Timestamp{key.time});
        }
        merged.device_first = rows.begin()->first.device;
        merged.device_last = rows.rbegin()->first.device;
        out.close();
        TRY(merged.rows, finish(rows.size()));
        merged.rollups = roll_up(paths);
        return merged;
    }
    std::string extension() const override { return ".txt"; }

    static Rows read(const std::string& path) {
        Rows rows;
        std::ifstream in(path);
        std::string line;
        while (std::getline(in, line)) {
            std::istringstream fields(line);
            RowKey key;
            RowValue value;
            int quality = 0;
            fields >> key.device >> key.signal >> key.time >> value.bits >> quality;
            value.quality = static_cast<std::uint8_t>(quality);
            EXPECT_TRUE(rows.emplace(key, value).second) << "twice in " << path << ": " << line;
        }
        return rows;
    }

    std::atomic<int> failures{0};                              // the next so many calls fail
    std::binary_semaphore* gate = nullptr;                     // each call waits for it
    std::atomic<std::binary_semaphore*> merge_gate = nullptr;  // the next merge waits for it

 private:
    // One line per series and minute: how many points.
    static std::uint64_t roll_up(const PointPaths& paths) {
        std::map<std::pair<std::string, std::int64_t>, int> counts;
        for (const auto& [key, value] : read(paths.points))
            ++counts[{key.device + ' ' + key.signal, key.time / 60'000'000'000}];
        std::ofstream out(paths.rollups);
        for (const auto& [minute, count] : counts)
            out << minute.first << ' ' << minute.second << ' ' << count << '\n';
        return counts.size();
    }
    Result<std::uint64_t> finish(std::uint64_t rows) {
        if (gate) gate->acquire();
        if (failures > 0) {
            --failures;
            return Error{Errc::io_failed, "the writer was told to fail"};
        }
        return rows;
    }
};

class HistoryFixture : public testing::Test {
 protected:
    HistoryFixture() { options_.directory = files::join(folder_.path(), "history"); }
    ~HistoryFixture() override { ignore(close(), "the test is over"); }

    Result<> open(std::uint64_t seed = 1) {
        TRY(files_, files::FaultyFiles::open(options_.directory, seed));
        return open_on_same_disk();
    }
    Result<> open_on_same_disk() {
        TRY(history_, History::open(options_, {*files_, *loop_, workers_, writer_, metrics_}));
        return {};
    }
    Result<> close() {
        if (!history_) return {};
        auto stopped = wait(history_->stop());
        history_.reset();
        return stopped;
    }
    // The power goes, and comes back.
    Result<> restart_after_power_cut(std::uint64_t seed = 2) {
        ignore(files_->power_cut(), "it may be cut already");
        ignore(close(), "nothing can be saved");
        return open(seed);
    }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop_, std::move(task));
    }

    static Batch batch(std::string device, std::string signal, std::vector<std::int64_t> times,
                       double value = 1, std::uint64_t sequence = 0) {
        Batch batch;
        batch.device.text = std::move(device);
        batch.position = {"main", sequence};
        batch.arrival = {1};
        auto rows = static_cast<std::uint32_t>(times.size());
        batch.runs.push_back({std::move(signal), "bar", 0, rows});
        for (auto time : times) {
            batch.times.push_back({time});
            batch.values.push_back(value);
            value += 1;
            batch.quality.push_back(Quality::good());
        }
        return batch;
    }
    // The same, whose values are these texts, a time each.
    static Batch texts(std::string device, std::string signal, std::vector<std::int64_t> times,
                       const std::vector<std::string>& values, std::uint64_t sequence = 0) {
        auto made = batch(std::move(device), std::move(signal), std::move(times), 0, sequence);
        for (std::size_t i = 0; i < values.size(); ++i) made.values[i] = made.boxes.add(values[i]);
        made.runs.front().type = ValueType::text;
        made.runs.front().boxed = true;
        return made;
    }
    static void note(const Batch& batch, Rows& rows) {
        for (const auto& run : batch.runs)
            for (auto i = run.begin; i < run.end; ++i)
                rows[{batch.device.text, run.signal, batch.times[i].ns}] = {
                    bits_of(batch.values[i], run.boxed ? &batch.boxes : nullptr),
                    batch.quality[i].code};
    }
    static Rows rows_of(const HeadSnapshot& head) {
        Rows rows;
        for (std::size_t i = 0; i < head.series(); ++i) {
            for (std::size_t p = 0; p < head.pieces(i); ++p) {
                auto piece = head.piece(i, p);
                for (std::size_t row = 0; row < piece.size(); ++row) {
                    RowKey key{head.entry(i).device, head.entry(i).signal, piece.times[row].ns};
                    RowValue value{bits_of(piece.values[row], piece.boxes),
                                   piece.quality[row].code};
                    EXPECT_TRUE(rows.emplace(key, value).second) << "twice in one head";
                }
            }
        }
        return rows;
    }
    // What a query would see; a row in two sources is an error unless the snapshot warns of it.
    static Rows rows_of(const HistorySnapshot& snapshot) {
        Rows rows;
        auto take = [&](const Rows& more) {
            for (const auto& [key, value] : more) {
                EXPECT_TRUE(snapshot.overlaps || !rows.contains(key))
                    << key.device << "/" << key.signal << " at " << key.time << " is there twice";
                rows[key] = value;
            }
        };
        for (const auto& file : snapshot.points) {
            auto more = TextWriter::read(file.path);
            EXPECT_EQ(more.size(), file.rows) << file.path;
            take(more);
        }
        for (const auto& head : snapshot.heads) take(rows_of(*head));
        return rows;
    }
    Rows rows() { return rows_of(history_->snapshot_here({})); }
    std::uint64_t counted(std::string_view name) {
        return metrics_.counter(std::string("millwright_history_") + std::string(name), "").value();
    }

    files::TemporaryDirectory folder_ = std::move(files::TemporaryDirectory::make()).value();
    HistoryOptions options_;
    std::unique_ptr<files::FaultyFiles> files_;
    SimulatedClock clock_;
    std::unique_ptr<Loop> loop_ = std::move(Loop::open()).value();
    metrics::Registry metrics_;
    TextWriter writer_;
    Workers workers_{{2, 64, 0, "worker"}};
    std::unique_ptr<History> history_;
};

}  // namespace mw::history
