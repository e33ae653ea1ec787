#pragma once
// For the tests of this module: a data directory with every store in it and a history that takes
// points, a repository and a place to restore to, all on one disk that can lose power.

#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "data/backup/backup.h"
#include "data/registry/registry.h"
#include "platform/crypto/crypto.h"
#include "platform/sqlite/sqlite.h"

namespace mw::backup {

// (device, time) -> bits of the value.
using Rows = std::map<std::pair<std::string, std::int64_t>, std::uint64_t>;

// One text line a row.
class LineWriter final : public history::SegmentWriter {
 public:
    Result<history::PointRows> write_points(const history::PointPaths& paths,
                                            history::SortedPoints& points) override {
        std::ofstream out(paths.points);
        history::SortedSeries next;
        history::PointRows written;
        while (points.next(next))
            for (std::size_t i = 0; i < next.rows.size(); ++i, ++written.points)
                out << next.series->device << ' ' << next.rows.times[i].ns << ' '
                    << std::bit_cast<std::uint64_t>(next.rows.values[i]) << '\n';
        return written;
    }
    Result<std::uint64_t> write_decisions(const std::string&,
                                          const std::vector<history::DecisionRow>& rows) override {
        return rows.size();
    }
    std::string extension() const override { return ".txt"; }

    static void read(const std::string& path, Rows& rows) {
        std::ifstream in(path);
        std::string device;
        std::int64_t time = 0;
        std::uint64_t bits = 0;
        while (in >> device >> time >> bits)
            EXPECT_TRUE(rows.emplace(std::pair(device, time), bits).second) << "twice in " << path;
    }
};

class BackupWorld : public testing::Test {
 protected:
    ~BackupWorld() override { close(); }

    // Every call index with MW_LONG set, as tools/check --long does; a sample of them otherwise.
    static std::uint64_t stride(std::uint64_t otherwise) {
        return std::getenv("MW_LONG") ? 1 : otherwise;
    }
    std::string at(std::string_view name) const { return files::join(folder_.path(), name); }

    // A new world with a hub that never ran, and a repository.
    void begin(std::uint64_t seed) {
        close();
        files_.reset();
        folder_ = std::move(files::TemporaryDirectory::make()).value();
        sent_ = acknowledged_ = {};
        waiting_.clear();
        sequence_ = 0;
        ASSERT_TRUE(real_.make_directories(at("hub/pki"), 0700));
        put("hub/pki/issuing.key", "-----BEGIN PRIVATE KEY-----\nabc\n", 0600);
        put("hub/pki/root.pem", "-----BEGIN CERTIFICATE-----\nabc\n", 0644);
        put("hub/admin.token", "mw_secret\n", 0600);
        put("hub/hub.yaml", "history: {keep: 30d}\n", 0640);
        put("hub/hub.json", "{}", 0640);
        put_blob("a bundle");
        put("hub/registry.db", empty_registry(), 0640);
        ASSERT_TRUE(Repository::make(real_, at("repo")));
        ASSERT_TRUE(open(seed));
        auto labels =
            files::AppendLog::open(*files_, {.directory = at("hub/labels"), .purpose = "labels"});
        ASSERT_TRUE(labels);
        for (int i = 0; i < 5; ++i)
            ASSERT_TRUE(labels->append(bytes_of("answer " + std::to_string(i))));
    }
    // A registry's file, made once for all worlds.
    const std::string& empty_registry() {
        if (!registry_.empty()) return registry_;
        const auto place = std::move(files::TemporaryDirectory::make()).value();
        const auto path = files::join(place.path(), "registry.db");
        metrics::Registry metrics;
        auto made = registry::Registry::open(*loop_, clock_, metrics, {.path = path});
        EXPECT_TRUE(made) << made.error().message;
        *made = nullptr;
        return registry_ = content(path);
    }
    Result<> open(std::uint64_t seed) {
        TRY(files_, files::FaultyFiles::open(
                        folder_.path(), seed,
                        {"hub/registry.db", "hub/lock", "repo/lock", "new/lock", "again/lock"}));
        history::HistoryOptions options;
        options.directory = at("hub/history");
        options.log_segment_bytes = 2000;
        options.retry_after = milliseconds{1};
        TRY(history_,
            history::History::open(options, {*files_, *loop_, workers_, writer_, metrics_}));
        return {};
    }
    void close() {
        if (history_) ignore(wait(history_->stop()), "nothing can be saved any more");
        history_.reset();
    }
    Result<> restart_after_power_cut(std::uint64_t seed) {
        ignore(files_->power_cut(), "it may be cut already");
        close();
        return open(seed);
    }
    template <class T>
    Result<T> wait(Task<T> task) {
        return sync_wait(*loop_, std::move(task));
    }

    void put(const std::string& path, const std::string& content, unsigned mode) {
        files::Files& files = files_ ? *files_ : static_cast<files::Files&>(real_);
        ASSERT_TRUE(files.make_directories(files::parent_of(at(path))));
        ASSERT_TRUE(files::atomic_replace(files, at(path), bytes_of(content), mode));
    }
    void put_blob(const std::string& content) {
        const auto sha256 = to_hex(crypto::sha256(bytes_of(content)));
        put("hub/blobs/" + sha256.substr(0, 2) + "/" + sha256, content, 0640);
    }

    // A message of three points of a device; numbered, so that it is stored once.
    void send() {
        Batch batch;
        batch.device.text = "gw-1";
        batch.position = {"main", ++sequence_};
        batch.arrival = {1};
        batch.runs.push_back({"p", "bar", 0, 3});
        for (std::int64_t i = 0; i < 3; ++i) {
            batch.times.push_back({static_cast<std::int64_t>(sequence_) * 10 + i});
            batch.values.push_back(static_cast<double>(sequence_));
            batch.quality.push_back(Quality::good());
            sent_[{"gw-1", batch.times.back().ns}] =
                std::bit_cast<std::uint64_t>(batch.values.back());
        }
        auto ticket = history_->append(batch);
        if (ticket) waiting_.emplace_back(*ticket, sequence_);
    }
    void acknowledge() {
        for (const auto& [ticket, sequence] : waiting_)
            if (ticket <= history_->durable())
                for (std::int64_t i = 0; i < 3; ++i) {
                    const std::pair key("gw-1", static_cast<std::int64_t>(sequence) * 10 + i);
                    acknowledged_[key] = sent_[key];
                }
    }
    // Messages, durable, and sealed if wanted; false when the disk is gone.
    bool ingest(int messages, bool seal) {
        for (int i = 0; i < messages; ++i) send();
        if (!wait(history_->flush())) return false;
        acknowledge();
        return !seal || wait(history_->seal_now()).ok();
    }

    CreateOrder order() const {
        CreateOrder order;
        order.data = at("hub");
        order.repository = at("repo");
        order.version = "1.2.3";
        order.space_kept_free = 0;
        return order;
    }
    // While it runs, points come in.
    Result<Created> create(CreateOrder order, bool ingesting = false) {
        clock_.advance(seconds{1});
        auto tell = [this, ingesting](const Progress&) -> Result<> {
            if (ingesting) send();
            return {};
        };
        auto hold = [this] { return history_->hold(); };
        return wait(backup::create({*files_, workers_, clock_}, std::move(order), hold, tell));
    }
    Result<Created> create() { return create(order()); }
    Result<Restored> restore(const std::string& name, const std::string& to,
                             bool accept_damage = false) {
        RestoreOrder order;
        order.repository = at("repo");
        order.name = name;
        order.data = at(to);
        order.by = "os:test";
        order.accept_damage = accept_damage;
        return backup::restore(*files_, clock_, order);
    }

    Rows rows_of(history::History& history) {
        Rows rows;
        const auto snapshot = history.snapshot_here({});
        EXPECT_FALSE(snapshot.overlaps);
        for (const auto& file : snapshot.points) LineWriter::read(file.path, rows);
        for (const auto& head : snapshot.heads)
            for (std::size_t s = 0; s < head->series(); ++s)
                for (std::size_t p = 0; p < head->pieces(s); ++p) {
                    const auto piece = head->piece(s, p);
                    for (std::size_t i = 0; i < piece.size(); ++i)
                        EXPECT_TRUE(
                            rows.emplace(std::pair(head->entry(s).device, piece.times[i].ns),
                                         std::bit_cast<std::uint64_t>(piece.values[i]))
                                .second)
                            << "twice: " << piece.times[i].ns;
                }
        return rows;
    }
    Rows rows() { return rows_of(*history_); }
    // What a hub would find in a directory.
    Rows rows_in(const std::string& data, history::OpenReport* report = nullptr) {
        history::HistoryOptions options;
        options.directory = at(data + "/history");
        auto opened = history::History::open(options, {real_, *loop_, workers_, writer_, metrics_});
        EXPECT_TRUE(opened) << opened.error().message;
        if (!opened) return {};
        if (report) *report = (*opened)->report();
        auto rows = rows_of(**opened);
        EXPECT_TRUE(wait((*opened)->stop()));
        return rows;
    }
    static void expect_within(const Rows& inner, const Rows& outer, const std::string& where) {
        for (const auto& [key, value] : inner) {
            const auto found = outer.find(key);
            ASSERT_TRUE(found != outer.end() && found->second == value)
                << where << ": " << key.second << " is not there";
        }
    }
    std::vector<std::string> files_below(const std::string& folder) const {
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(at(folder)))
            if (entry.is_regular_file() && entry.path().filename() != "lock")
                found.push_back(entry.path().string());
        std::sort(found.begin(), found.end());
        return found;
    }
    static std::string content(const std::string& path) {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void flip(const std::string& path, std::uint64_t bit) {
        std::string bytes = content(path);
        ASSERT_FALSE(bytes.empty());
        bytes[(bit / 8) % bytes.size()] ^= static_cast<char>(1 << (bit % 8));
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
    static unsigned mode(const std::string& path) {
        return static_cast<unsigned>(std::filesystem::status(path).permissions()) & 0777;
    }

    files::TemporaryDirectory folder_ = std::move(files::TemporaryDirectory::make()).value();
    files::RealFiles real_;
    std::unique_ptr<files::FaultyFiles> files_;
    SimulatedClock clock_;
    std::unique_ptr<Loop> loop_ = std::move(Loop::open()).value();
    metrics::Registry metrics_;
    LineWriter writer_;
    Workers workers_{{2, 64, 0, "worker"}};
    std::unique_ptr<history::History> history_;
    Rows sent_, acknowledged_;
    std::vector<std::pair<Ticket, std::uint64_t>> waiting_;
    std::uint64_t sequence_ = 0;
    std::string registry_;
};

}  // namespace mw::backup
