#include "data/segments/sealed_files.h"

#include <algorithm>
#include <atomic>

#include "data/segments/sealed_columns.h"

namespace mw::segments {

using duckdb::chunk_rows_max;
using duckdb::OutputChunk;

struct SealedFiles::State {
    State(files::Files& with, std::size_t bytes_max) : files(with), cache(bytes_max) {}
    files::Files& files;
    mutable PartCache cache;
};

namespace {

// A row group to be read.
struct GroupTask {
    const std::string* path = nullptr;
    std::shared_ptr<const Footer> footer;
    std::size_t group = 0;
};

// What all threads of a scan share: they take a group each, in turn.
struct ScanWork {
    std::vector<GroupTask> tasks;
    std::atomic<std::size_t> next = 0;
};

// `names` are sorted, as all of a selection's are: a product may have thousands.
bool any_between(const std::vector<std::string>& names, const FooterGroup& group) {
    const auto first = std::lower_bound(names.begin(), names.end(), group.device_min);
    return first != names.end() && (!group.device_max || *first <= *group.device_max);
}

bool may_hold(const FooterGroup& group, const RowSelection& selection) {
    return group.time_max >= selection.span.from.ns && group.time_min <= selection.span.to.ns &&
           (!selection.devices || any_between(*selection.devices, group));
}

class SealedScan final : public duckdb::Scan {
 public:
    SealedScan(PartCache& cache, files::Files& files, const RowSelection& selection,
               std::span<const SealedColumn> table, std::vector<std::size_t> wanted,
               std::shared_ptr<ScanWork> work)
        : cache_(cache),
          files_(files),
          reader_(cache, files),
          selection_(selection),
          table_(table),
          wanted_(std::move(wanted)),
          work_(std::move(work)) {
        stored_.push_back("time");
        for (const std::size_t column : wanted_) {
            if (column >= table_.size()) continue;
            wants_time_ |= table_[column].is_time();
            for (const std::string_view name : table_[column].stored_columns())
                if (!name.empty()) stored_.push_back(name);
        }
    }

    std::unique_ptr<duckdb::Scan> fork() const override {
        return std::make_unique<SealedScan>(cache_, files_, selection_, table_, wanted_, work_);
    }
    std::size_t threads() const override { return work_->tasks.size(); }

    Result<std::size_t> fill(OutputChunk& out) override {
        std::size_t rows = 0;
        while (rows < chunk_rows_max) {
            if (begin_ == end_) {
                TRY(const bool more, advance());
                if (!more) break;
            }
            const auto count = static_cast<std::uint32_t>(
                std::min<std::size_t>(end_ - begin_, chunk_rows_max - rows));
            const RowPiece piece{directory_.get(), entry_, begin_, begin_ + count, times_};
            for (std::size_t i = 0; i < wanted_.size(); ++i)
                if (wanted_[i] < table_.size())
                    table_[wanted_[i]].write(reader_, piece, out, i, rows);
            rows += count;
            begin_ += count;
        }
        return rows;
    }

 private:
    // To the next rows: [begin_, end_) of the group at hand.
    Result<bool> advance() {
        for (;;) {
            if (next_entry_ == entries_.size()) {
                TRY(const bool more, next_group());
                if (!more) return false;
                continue;
            }
            entry_ = &entries_[next_entry_++];
            begin_ = entry_->begin;
            end_ = entry_->end;
            if (needs_times_) find_times();
            if (begin_ < end_) return true;
        }
    }

    Result<bool> next_group() {
        entries_.clear();
        next_entry_ = 0;
        const std::size_t number = work_->next.fetch_add(1);
        if (number >= work_->tasks.size()) return false;
        const GroupTask& task = work_->tasks[number];
        // The disk works while pages are unpacked: each group is expected by the one before it.
        const std::size_t expected = std::min(number + 2, work_->tasks.size());
        for (std::size_t i = number == 0 ? 0 : number + 1; i < expected; ++i) {
            const GroupTask& soon = work_->tasks[i];
            reader_.expect(*soon.path, *soon.footer, soon.group, stored_);
        }
        reader_.open(*task.path, task.footer, task.group);
        TRY(directory_, reader_.directory().context(*task.path));
        const FooterGroup& group = task.footer->groups()[task.group];
        const std::size_t rows = choose_entries();
        if (rows == 0) return true;
        reader_.expect_few(rows < group.rows / 4);
        needs_times_ = wants_time_ || group.time_min < selection_.span.from.ns ||
                       group.time_max > selection_.span.to.ns;
        TRY_VOID(load_columns().context(*task.path));
        return true;
    }

    Result<> load_columns() {
        if (needs_times_) TRY_VOID(reader_.load("time", Encoding::delta_binary_packed));
        for (const std::size_t column : wanted_)
            if (column < table_.size()) TRY_VOID(table_[column].load(reader_));
        return {};
    }

    std::size_t choose_entries() {
        entries_ = directory_->choose(selection_.devices, selection_.signals);
        std::size_t rows = 0;
        for (const SeriesRows& entry : entries_) rows += entry.end - entry.begin;
        return rows;
    }

    // Rows of a series are in order of time.
    void find_times() {
        const ColumnValues& time = reader_["time"];
        times_ = time.flat(entry_->begin);
        if (times_ == nullptr) {
            scratch_.resize(entry_->end - entry_->begin);
            time.integers(entry_->begin, entry_->end, scratch_.data());
            times_ = scratch_.data();
        }
        const std::int64_t* const end = times_ + (entry_->end - entry_->begin);
        const auto* from = std::lower_bound(times_, end, selection_.span.from.ns);
        const auto* to = std::upper_bound(from, end, selection_.span.to.ns);
        begin_ = entry_->begin + static_cast<std::uint32_t>(from - times_);
        end_ = entry_->begin + static_cast<std::uint32_t>(to - times_);
    }

    PartCache& cache_;
    files::Files& files_;
    GroupReader reader_;
    const RowSelection& selection_;  // of the source, which DuckDB keeps longer than its scans
    std::span<const SealedColumn> table_;
    std::vector<std::size_t> wanted_;
    std::shared_ptr<ScanWork> work_;
    bool wants_time_ = false;
    std::vector<std::string_view> stored_;  // columns of the file

    std::shared_ptr<const SeriesDirectory> directory_;  // of the group at hand
    std::vector<SeriesRows> entries_;
    std::size_t next_entry_ = 0;
    bool needs_times_ = false;
    const SeriesRows* entry_ = nullptr;
    std::uint32_t begin_ = 0, end_ = 0;
    const std::int64_t* times_ = nullptr;  // of all rows of the entry, if needed
    std::vector<std::int64_t> scratch_;
};

class SealedRows final : public duckdb::TableSource {
 public:
    SealedRows(PartCache& cache, files::Files& files, std::shared_ptr<const void> alive,
               std::span<const SealedColumn> table, std::vector<std::string> paths,
               RowSelection selection, std::size_t expected)
        : cache_(cache),
          files_(files),
          alive_(std::move(alive)),
          table_(table),
          paths_(std::move(paths)),
          selection_(std::move(selection)),
          expected_(expected) {
        for (auto* names : {&selection_.devices, &selection_.signals}) {
            if (!*names) continue;
            std::sort((*names)->begin(), (*names)->end());
            (*names)->erase(std::unique((*names)->begin(), (*names)->end()), (*names)->end());
        }
    }

    std::vector<duckdb::Column> columns() const override {
        std::vector<duckdb::Column> columns;
        for (const SealedColumn& column : table_)
            columns.push_back({column.name, {.kind = column.kind}});
        return columns;
    }
    std::size_t row_count() const override { return expected_; }
    Result<std::unique_ptr<duckdb::Scan>> scan(std::vector<std::size_t> wanted) const override {
        auto work = std::make_shared<ScanWork>();
        for (const std::string& path : paths_) {
            TRY(auto footer, footer_of(cache_, files_, path));
            for (std::size_t i = 0; i < footer->groups().size(); ++i)
                if (may_hold(footer->groups()[i], selection_))
                    work->tasks.push_back({&path, footer, i});
        }
        return std::unique_ptr<duckdb::Scan>(std::make_unique<SealedScan>(
            cache_, files_, selection_, table_, std::move(wanted), std::move(work)));
    }

 private:
    PartCache& cache_;
    files::Files& files_;
    std::shared_ptr<const void> alive_;
    std::span<const SealedColumn> table_;
    std::vector<std::string> paths_;
    RowSelection selection_;
    std::size_t expected_;
};

}  // namespace

SealedFiles::SealedFiles(files::Files& files, std::size_t bytes_max)
    : state_(std::make_shared<State>(files, bytes_max)) {}
SealedFiles::~SealedFiles() = default;

bool SealedFiles::reads(history::Table table, const std::string& path) const {
    if (table == history::Table::decisions) return false;
    const auto footer = footer_of(state_->cache, state_->files, path);
    if (!footer) return false;
    if ((*footer)->column("text")) return false;
    return table == history::Table::points ? (*footer)->is_ours("millwright.points", "1")
                                           : (*footer)->is_ours("millwright.rollups", "2");
}

std::shared_ptr<const duckdb::TableSource> SealedFiles::rows(history::Table table,
                                                             std::vector<std::string> paths,
                                                             RowSelection selection,
                                                             std::size_t expected) const {
    return std::make_shared<const SealedRows>(state_->cache, state_->files, state_,
                                              sealed_columns(table), std::move(paths),
                                              std::move(selection), expected);
}

std::size_t SealedFiles::bytes() const { return state_->cache.bytes(); }

}  // namespace mw::segments
