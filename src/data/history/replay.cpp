// What a start finds: the catalog, then the log behind the last seal, then leftovers on disk.
#include <algorithm>
#include <set>

#include "base/log.h"
#include "data/history/segment_place.h"
#include "data/history/state.h"

namespace mw::history {

History::State::State(HistoryOptions options, Parts parts)
    : options_(std::move(options)),
      parts_(parts),
      metrics_(parts.metrics),
      seals_(parts.loop),
      compactions_(parts.loop),
      clock_(parts.loop) {
    catalog_turns_.try_send(1);
}

Result<> History::State::open() {
    auto& files = parts_.files;
    for (auto folder : {"points", "decisions", "rollups", "tmp"})
        TRY_VOID(files.make_directories(files::join(options_.directory, folder)));
    auto read_entry = [this](CatalogEntry entry) { adopt(std::move(entry)); };
    TRY(auto catalog, Catalog::open(files, files::join(options_.directory, "catalog"), read_entry));
    catalog_ = std::make_unique<Catalog>(std::move(catalog));
    full_wanted_ = catalog_->wants_full();
    report_.damage = catalog_->report().damage;
    TRY_VOID(sweep());

    files::GroupLogOptions options;
    options.log.directory = files::join(options_.directory, "log");
    options.log.purpose = "history";
    options.log.segment_bytes = options_.log_segment_bytes;
    options.log.next_number_min = sealed_through_ + 1;
    options.waiting_bytes_max = options_.waiting_bytes_max;
    options.retry_after = options_.retry_after;
    options.preparing = parts_.preparing;
    TRY(log_, files::GroupLog::open(files, parts_.loop, log_workers_, options,
                                    [this](const files::LogFrame& frame) { replay(frame); }));
    const auto& found = log_->report();
    report_.frames = found.frames;
    report_.torn_bytes = found.torn_bytes + catalog_->report().torn_bytes;
    report_.damage.insert(report_.damage.end(), found.damage.begin(), found.damage.end());
    report_.points = active_->points();
    for (const auto& damage : report_.damage)
        log::error("history.log.damaged",
                   {{"file", damage.path}, {"offset", damage.offset}, {"bytes", damage.bytes}});
    log_->measure_sync(&metrics_.sync);
    log_->on_durable([this, before = std::uint64_t{0}](std::uint64_t) mutable {
        metrics_.log_bytes.add(log_->figures().bytes - before);
        before = log_->figures().bytes;
        update_gauges();
    });
    active_since_ = parts_.loop.clock().steady();
    clock_.spawn(watch_age());
    compactions_.spawn(watch_files());
    if (seal_is_due()) begin_seal();
    return {};
}

void History::State::adopt(CatalogEntry entry) {
    if (entry.full) {
        files_.clear();
        sealed_points_ = 0;
    }
    generation_ = std::max(generation_, entry.generation);
    sealed_through_ = std::max(sealed_through_, entry.sealed_through);
    for (auto& s : entry.series)
        series_.declare(s.ref, std::move(s.device), std::move(s.signal), std::move(s.unit), s.type);
    for (auto& n : entry.newest) {
        see_newest(n.ref, n.last.time, n.last.value, n.last.quality, n.last.boxed);
        if (n.last.boxed && newest_[n.ref.index].last.time == n.last.time)
            newest_boxed_[n.ref.index] = std::move(n.boxed);
        newest_[n.ref.index].changed = false;
    }
    for (auto& s : entry.streams) set_stream(s.index, std::move(s.device), std::move(s.stream));
    catalogued_streams_ = streams_.size();
    for (auto p : entry.positions) {
        if (p.stream >= streams_.size()) continue;
        keep_position(p.stream, p.sequence, {});
        streams_[p.stream].changed = false;
    }
    remove_files(entry.replaced);
    doomed_.clear();  // sweep() removes what is left of them
    for (auto& file : entry.files) add_file(std::move(file));
}

void History::State::replay(const files::LogFrame& frame) {
    bool sealed = frame.number <= sealed_through_;
    auto decoded = records::decode(frame.payload);
    if (!decoded) {
        ++report_.unreadable;
        return;
    }
    if (auto* series = std::get_if<records::Series>(&*decoded)) {
        if (series->ref.index >= options_.series_max + series_.size()) {
            ++report_.unreadable;
            return;
        }
        series_.declare(series->ref, std::string(series->device), std::string(series->signal),
                        std::string(series->unit), series->type);
        undeclared_.push_back(series->ref);
    } else if (auto* stream = std::get_if<records::Stream>(&*decoded)) {
        if (stream->index >= options_.streams_max + streams_.size()) {
            ++report_.unreadable;
            return;
        }
        set_stream(stream->index, std::string(stream->device), std::string(stream->stream));
    } else if (auto* points = std::get_if<records::Points>(&*decoded)) {
        replay_points(*points, sealed);
    } else if (auto* decision = std::get_if<records::StoredDecision>(&*decoded)) {
        if (decision->stream < streams_.size()) {
            auto& from = streams_[decision->stream];
            decision->decision.position.stream = from.stream;
            keep_position(decision->stream, decision->decision.position.sequence, {});
        }
        if (!sealed) active_->add(std::move(decision->decision));
    }
}

void History::State::replay_points(const records::Points& points, bool sealed) {
    if (points.stream < streams_.size()) keep_position(points.stream, points.sequence, {});
    if (sealed) return;
    std::uint32_t at = 0;
    for (const auto& run : points.runs) {
        // A declaration that rotted away leaves its points without a name.
        if (series_.contains(run.series))
            insert(run.series, run_reader_.read(points, at, run));
        else
            ++report_.unreadable;
        at += run.points;
    }
}

void History::State::set_stream(std::uint32_t index, std::string device, std::string stream) {
    if (index >= streams_.size()) streams_.resize(index + 1);
    scratch_.assign(device);
    scratch_ += '\0';
    scratch_ += stream;
    stream_index_[scratch_] = index;
    streams_[index].device = std::move(device);
    streams_[index].stream = std::move(stream);
}

// Removes what an unfinished seal left, and files that a compaction replaced, and says which
// catalogued files are missing. With a damaged catalog nothing is removed: it may be the only copy.
Result<> History::State::sweep() {
    auto temporary = files::join(options_.directory, "tmp");
    TRY(auto leftovers, parts_.files.list(temporary));
    for (const auto& entry : leftovers) {
        if (entry.directory) continue;
        TRY_VOID(parts_.files.remove(files::join(temporary, entry.name)));
        ++report_.removed_files;
    }
    TRY_VOID(sweep_table(Table::points));
    TRY_VOID(sweep_table(Table::rollups));
    return sweep_table(Table::decisions);
}

Result<> History::State::sweep_table(Table table) {
    auto root = files::join(options_.directory, folder_of(table));
    std::set<std::string> missing;
    for (const auto& file : files_)
        if (file.table == table) missing.insert(file.path);
    TRY(auto days, parts_.files.list(root));
    for (const auto& day : days) {
        if (!day.directory) continue;
        auto folder = files::join(root, day.name);
        TRY(auto entries, parts_.files.list(folder));
        for (const auto& entry : entries) {
            auto path = files::join(folder, entry.name);
            auto name = segment_name_in(entry.name);
            if (name) rewrites_ = std::max(rewrites_, name->rewrite);
            if (missing.erase(path) > 0) continue;
            if (!name || !report_.damage.empty()) continue;
            TRY_VOID(parts_.files.remove(path));
            ++report_.removed_files;
        }
    }
    for (const auto& path : missing) {
        log::error("history.segment.missing", {{"file", path}});
        report_.missing.push_back(path);
    }
    return {};
}

}  // namespace mw::history
