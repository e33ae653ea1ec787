#pragma once
// The inside of History, on its loop: append.cpp, replay.cpp, seal.cpp, compact.cpp, snapshot.cpp.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/history/catalog.h"
#include "data/history/compact_job.h"
#include "data/history/generation.h"
#include "data/history/history.h"
#include "data/history/metrics.h"
#include "data/history/records.h"
#include "data/history/seal_job.h"
#include "data/history/series_table.h"

namespace mw::history {

class History::State {
 public:
    State(HistoryOptions options, Parts parts);

    Result<> open();

    Result<SeriesRef> resolve(const std::string& device, const std::string& signal,
                              const std::string& unit, ValueType type);
    std::optional<Ticket> stored(const std::string& device, const StreamPosition& position) const;
    Result<Ticket> append(const Batch& batch);
    Result<Ticket> append(const Batch& batch, std::span<const SeriesRef> series);
    Result<Ticket> append(const Decision& decision);
    void expect_soon(std::span<const SeriesRef> series) const;
    void expect_next(std::span<const SeriesRef> series) const;

    HistorySnapshot snapshot(const Bounds& bounds) const;
    std::optional<LastValue> last(SeriesRef series) const;
    std::shared_ptr<const std::vector<HistorySnapshot::Latest>> latest(const Bounds& bounds) const;
    HistoryFigures figures() const;

    Task<> seal_now();
    Task<> compact_now();
    Task<Erased> erase_now(EraseOrder order);
    Task<> retain_now();
    Task<VerifyReport> verify();  // verify.cpp
    Task<HistoryHold> hold();     // hold.cpp
    Task<> stop();

    files::GroupLog& log() { return *log_; }
    const SeriesTable& series() const { return series_; }
    const OpenReport& report() const { return report_; }
    void set_context(ContextSnapshot context) { context_ = std::move(context); }
    void set_retention(RetentionSnapshot retention) { retention_ = std::move(retention); }
    Loop& loop() { return parts_.loop; }

 private:
    struct Newest {
        LastValue last;
        bool known = false;
        bool changed = false;  // since the newest catalog entry
    };
    struct Stream {
        std::string device;
        std::string stream;
        std::uint64_t sequence = 0;
        Ticket ticket;
        bool changed = false;
    };

    // append.cpp
    Result<> check(const Batch& batch, std::span<const SeriesRef> series) const;
    Result<> admit(std::size_t head_bytes, std::size_t log_bytes) const;
    Result<std::uint32_t> declare_stream(const std::string& device, const std::string& stream);
    std::optional<std::uint32_t> find_stream(const std::string& device,
                                             const std::string& stream) const;
    std::optional<Ticket> stored_in(std::optional<std::uint32_t> stream,
                                    std::uint64_t sequence) const;
    void keep_position(std::uint32_t stream, std::uint64_t sequence, Ticket ticket);
    void insert(const Batch& batch, std::span<const SeriesRef> series);
    void insert(SeriesRef series, const Columns& rows);
    void prefetch_newest(SeriesRef series) const {
        if (series.index < newest_.size()) __builtin_prefetch(&newest_[series.index], 1);
    }
    // In registers: a struct would be copied by reads that wait for all stores before them, of
    // which some miss the cache.
    void see_newest(SeriesRef series, Timestamp time, double value, Quality quality, bool boxed);
    void keep_boxed(SeriesRef series, const Columns& rows, std::size_t newest);
    Timestamp newest_time(SeriesRef series) const;
    std::size_t head_bytes() const;
    void update_gauges();

    // replay.cpp
    void adopt(CatalogEntry entry);
    void replay(const files::LogFrame& frame);
    void replay_points(const records::Points& points, bool sealed);
    void set_stream(std::uint32_t index, std::string device, std::string stream);
    Result<> sweep();
    Result<> sweep_table(Table table);

    // seal.cpp
    bool seal_is_due() const;
    void begin_seal();
    std::shared_ptr<SealJob> prepare_seal();
    void collect(CatalogEntry& entry, std::vector<SeriesRef>& declare, bool everything);
    Task<> seal(std::shared_ptr<SealJob> job);
    Task<> try_to_seal(std::shared_ptr<SealJob> job);
    Task<> watch_age();
    void finish_seal(SealJob& job);

    // sealed_files.cpp
    class CatalogTurn;
    Task<CatalogTurn> take_catalog_turn();
    void add_file(SegmentFile file);  // its path is the catalog's
    void remove_files(const std::vector<std::string>& paths);
    void list_known_files(CatalogEntry& entry) const;
    std::string path_in_catalog(const SegmentFile& file) const;

    // compact.cpp
    class CompactingTurn;
    Task<CompactingTurn> compacting_turn();  // files are rewritten by one at a time
    Task<> watch_files();
    Task<Erased> where_stop_ends_it(Task<Erased> work);
    Task<> compact_all(CompactionRule rule);
    Task<bool> compact_once(CompactionRule rule);  // false: there was nothing to do
    Task<> enter_compaction(std::shared_ptr<CompactJob> job);
    void finish_compaction(const CompactJob& job);
    Task<> unlink_unused();

    // erase.cpp
    Task<Erased> erase(EraseOrder order);
    Task<std::uint64_t> rewrite(SegmentFile file, Erasure erase);  // the rows that went
    Task<> forget_newest(EraseOrder order);
    Task<> retain();
    Task<> drop_files(std::vector<std::string> paths);

    HistoryOptions options_;
    Parts parts_;
    Metrics metrics_;
    OpenReport report_;

    SeriesTable series_;
    std::vector<Newest> newest_;                                  // by series
    std::unordered_map<std::uint32_t, BoxedValue> newest_boxed_;  // where last.boxed
    std::vector<SeriesRef> undeclared_;  // not yet in the catalog, or changed since
    std::vector<Stream> streams_;
    std::unordered_map<std::string, std::uint32_t> stream_index_;  // device, zero, stream
    std::size_t catalogued_streams_ = 0;
    mutable std::string scratch_;
    std::vector<SeriesRef> refs_;  // of the batch at hand
    records::RunReader run_reader_;

    std::shared_ptr<Generation> active_ = std::make_shared<Generation>();
    std::shared_ptr<Generation> sealing_;  // until its files are in the catalog
    SteadyTime active_since_;              // when its first point came
    std::vector<SegmentFile> files_;       // absolute paths, by generation
    std::uint64_t generation_ = 0;         // of the newest catalogued seal
    std::uint64_t sealed_through_ = 0;
    std::uint64_t sealed_points_ = 0;
    ContextSnapshot context_;

    std::vector<SegmentFile> doomed_;  // their rows are elsewhere; removed when nobody reads them
    std::uint64_t rewrites_ = 0;       // the highest number in a file's name
    RetentionSnapshot retention_;
    std::unordered_map<std::string, Timestamp> looked_through_;  // files, for rows that are too old
    std::map<std::int64_t, SteadyTime> postponed_;               // days whose compaction failed
    bool compacting_ = false;
    Event compaction_ended_;

    std::optional<Error> seal_failure_;
    bool stopping_ = false;
    Event seal_progressed_;  // one ended or failed
    Event retry_now_;

    std::unique_ptr<Catalog> catalog_;
    bool full_wanted_ = false;  // by the catalog, since its newest entry
    // One entry at a time: who takes the token out changes the catalog and then files_.
    Channel<int> catalog_turns_{{.capacity = 1}};
    // Syncs have a thread of their own: no query and no seal delays an acknowledgement.
    Workers log_workers_{{1, 16, 0, "history-log"}};
    Workers compaction_workers_{{1, 4, 10, "history-compact"}};
    std::unique_ptr<files::GroupLog> log_;
    Scope seals_;
    Scope compactions_;
    Scope clock_;
};

}  // namespace mw::history
