#pragma once
// For the tests of this module: an Ingest over a real history and dead-letter log, on a disk that
// can lose power.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "data/ingest/ingest.h"

namespace mw::ingest {

// The head is never sealed here.
class NoSegments final : public history::SegmentWriter {
 public:
    Result<history::PointRows> write_points(const history::PointPaths&,
                                            history::SortedPoints&) override {
        return Error{Errc::io_failed, "not in this test"};
    }
    Result<std::uint64_t> write_decisions(const std::string&,
                                          const std::vector<history::DecisionRow>&) override {
        return Error{Errc::io_failed, "not in this test"};
    }
};

class Taps final : public DecisionTap, public DeviceReports {
 public:
    void offer(const Decision& decision) override { decisions.push_back(decision); }
    Result<> take(DeviceReport report) override {
        if (full) return Error{Errc::overloaded, "full"};
        reports.push_back(std::move(report));
        return {};
    }
    std::vector<Decision> decisions;
    std::vector<DeviceReport> reports;
    bool full = false;
};

class IngestFixture : public testing::Test {
 protected:
    using Row = std::tuple<std::string, std::string, std::int64_t, double, int>;

    IngestFixture() {
        clock_.set_wall({now});
        files_ = std::move(files::FaultyFiles::open(root(), 1)).value();
        open();
    }
    ~IngestFixture() override { close(); }
    std::string root() const { return files::join(folder_.path(), "root"); }

    void open() {
        history::HistoryOptions options = history_options_;
        options.directory = root() + "/history";
        registry_ = std::make_unique<metrics::Registry>();
        history_ = std::move(history::History::open(
                                 options, {*files_, *loop_, workers_, writer_, *registry_}))
                       .value();
        DeadLetterOptions letters = letter_options_;
        letters.directory = root() + "/dead-letters";
        letters_ = std::move(DeadLetters::open(*files_, *loop_, workers_, letters)).value();
        ingest_ = std::make_unique<Ingest>(
            IngestOptions{}, Ingest::Parts{*history_, *letters_, taps_, taps_, clock_, *registry_});
        ingest_->put_device("gw-1", facts_);
        ingest_->restore_quality();
    }
    void close() {
        ingest_.reset();
        if (letters_) ignore(sync_wait(*loop_, letters_->stop()), "the disk may be cut");
        if (history_) ignore(sync_wait(*loop_, history_->stop()), "the disk may be cut");
        letters_.reset();
        history_.reset();
    }
    void restart_after_power_cut(std::uint64_t seed = 2) {
        ignore(files_->power_cut(), "it may be cut already");
        close();
        files_ = std::move(files::FaultyFiles::open(root(), seed)).value();
        open();
    }

    Result<Ticket> publish(std::string_view topic, std::string_view body) {
        const mqtt::Identity identity{mqtt::Identity::Kind::device, "gw-1"};
        return ingest_->publish(identity, topic, bytes_of(body), {});
    }
    Result<Ticket> data(std::string_view body) { return publish("mw/v1/gw-1/data/main", body); }
    void wait_for(Ticket ticket) {
        while (ingest_->durable() < ticket) ASSERT_TRUE(loop_->turn(true));
    }
    std::vector<Row> rows() const {
        std::vector<Row> all;
        for (const auto& head : history_->snapshot_here({}).heads)
            for (std::size_t s = 0; s < head->series(); ++s)
                for (std::size_t p = 0; p < head->pieces(s); ++p) {
                    const auto piece = head->piece(s, p);
                    for (std::size_t i = 0; i < piece.size(); ++i)
                        all.emplace_back(head->entry(s).device, head->entry(s).signal,
                                         piece.times[i].ns, piece.values[i], piece.quality[i].code);
                }
        std::sort(all.begin(), all.end());
        return all;
    }
    std::uint64_t counted(const std::string& name) {
        return registry_->counter("millwright_ingest_" + name, "").value();
    }

    static constexpr std::int64_t now = 1'700'000'000'000'000'000;
    files::TemporaryDirectory folder_ = std::move(files::TemporaryDirectory::make()).value();
    SimulatedClock clock_;
    std::unique_ptr<Loop> loop_ = std::move(Loop::open()).value();
    Workers workers_{{1, 256, 0, "ingest"}};
    NoSegments writer_;
    Taps taps_;
    DeviceFacts facts_;
    history::HistoryOptions history_options_;
    DeadLetterOptions letter_options_;
    std::unique_ptr<metrics::Registry> registry_;
    std::unique_ptr<files::FaultyFiles> files_;
    std::unique_ptr<history::History> history_;
    std::unique_ptr<DeadLetters> letters_;
    std::unique_ptr<Ingest> ingest_;
};

}  // namespace mw::ingest
