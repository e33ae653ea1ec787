// The outbox's one task on the disk: commit what waits, move what waits for long into lanes, let go
// of what is done or over the budget, load what is to be sent. One job at a time.
#include "device/outbox/frame.h"
#include "device/outbox/line.h"

namespace mw::outbox {
namespace {

constexpr nanoseconds disk_retry = milliseconds{250};
constexpr std::size_t load_bytes = 256 * 1024;  // of the journal, per job
constexpr std::uint64_t all_blocks = std::numeric_limits<std::uint64_t>::max() / 2;

FrameParts parts_of_rank(const FrameParts& parts, Rank rank) {
    FrameParts some;
    for (const auto& m : parts.messages)
        if (rank_of(m.stream) == rank) some.messages.push_back(m);
    return some;
}

}  // namespace

struct Outbox::Settled {
    PerRank<std::optional<std::vector<LaneBlock>>> blocks;  // none: not in the lane
    std::optional<Error> error;
    std::uint64_t raw_bytes = 0;
};

struct Outbox::Loaded {
    std::vector<LoadedFrame> frames;
    std::uint64_t through = 0;
};

std::uint64_t Outbox::Seen::bytes() const {
    std::uint64_t sum = journal_bytes;
    for (const std::uint64_t bytes : lane_bytes) sum += bytes;
    return sum;
}

Outbox::Seen Outbox::look() const {
    Seen seen;
    seen.journal_bytes = journal_.bytes();
    seen.journal_segments = journal_.segments();
    for (const Rank rank : all_ranks) {
        seen.lane_bytes[rank] = lanes_[rank]->bytes();
        seen.lane_segments[rank] = lanes_[rank]->segments();
    }
    return seen;
}

Task<> Outbox::serve() {
    while (!stopping_ || !waiting_.empty()) {
        if (waiting_.empty() && !wants_load() && !wants_settling()) {
            work_.reset();
            CO_TRY_VOID(co_await work_.wait());
        }
        if (!waiting_.empty()) CO_TRY_VOID(co_await commit());
        CO_TRY_VOID(co_await drop_done());
        if (wants_settling()) CO_TRY_VOID(co_await settle());
        CO_TRY_VOID(co_await enforce_disk_limit());
        if (const auto rank = wants_load()) CO_TRY_VOID(co_await load(*rank));
    }
    co_return Result<>{};
}

Task<> Outbox::commit() {
    if (seen_.journal_segments != snapshot_segments_) {
        // A new segment begins: everything a restart needs goes into it, so that older ones can go.
        snapshot_segments_ = seen_.journal_segments;
        Entry snapshot;
        snapshot.checkpoints = checkpoints_;
        add_sequences(snapshot);
        last_positions_.clear();
        add_frame(snapshot);
        snapshot_frame_ = next_frame_ - 1;
    }
    std::swap(waiting_, in_flight_);
    const std::uint64_t last = in_flight_.last();
    for (;;) {
        auto job = [this] { return journal_.commit(in_flight_); };
        auto outcome = co_await workers_.run(std::move(job));
        if (outcome) break;
        if (outcome.error().code == Errc::cancelled) co_return std::move(outcome).error();
        ++figures_.disk_failures;
        // The disk is full before the budget is: what the policy gives up makes room.
        if (outcome.error().code == Errc::overloaded && give_up_oldest()) {
            CO_TRY_VOID(co_await drop_done());
            continue;
        }
        CO_TRY_VOID(co_await sleep_for(disk_retry));
    }
    unsettled_bytes_ += in_flight_.bytes();
    in_flight_.clear();
    durable_ = last;
    seen_ = look();
    room_.set();
    progressed_.set();
    more_.set();
    co_return Result<>{};
}

bool Outbox::wants_settling() const {
    if (stopping_ || seen_.journal_bytes <= options_.journal_bytes_max) return false;
    return unsettled_bytes_ > options_.journal_bytes_max / 2;
}

Task<> Outbox::settle() {
    const std::uint64_t through = durable_;
    PerRank<std::uint64_t> from;
    for (const Rank rank : all_ranks) {
        Line& line = *lines_[rank];
        from[rank] = std::max(done(rank), line.settled) + 1;
        line.acknowledged_unsettled = line.partial_frame >= from[rank] ? line.partial : 0;
    }
    auto job = [this, through, from] { return settle_job(through, from); };
    auto settled = co_await workers_.run(std::move(job));
    if (!settled) co_return std::move(settled).error();
    take_settled(*settled, through);
    seen_ = look();
    if (settled->error) {
        ++figures_.disk_failures;
        if (settled->error->code == Errc::overloaded && give_up_oldest())
            co_return co_await drop_done();
        co_return co_await sleep_for(disk_retry);
    }
    unsettled_bytes_ = 0;
    co_return co_await drop_done();
}

Outbox::Settled Outbox::settle_job(std::uint64_t through, PerRank<std::uint64_t> from) {
    Settled settled;
    files::AppendLog::Cursor cursor(*std::min_element(from.begin(), from.end()));
    while (cursor.next_number <= through) {
        auto frame = journal_.read(cursor);
        if (!frame) {
            settled.error = std::move(frame).error();
            return settled;
        }
        if (frame->number == 0 || frame->number > through) break;
        const auto parts = read_frame(frame->payload);
        if (!parts) continue;
        for (const Rank rank : all_ranks) {
            if (frame->number < from[rank]) continue;
            const FrameParts some = parts_of_rank(*parts, rank);
            if (some.messages.empty()) continue;
            settled.raw_bytes += frame_size(some);
            lanes_[rank]->add(frame->number, some);
        }
    }
    for (const Rank rank : all_ranks) {
        auto blocks = lanes_[rank]->commit();
        if (blocks)
            settled.blocks[rank] = std::move(*blocks);
        else
            settled.error = std::move(blocks).error();
    }
    return settled;
}

void Outbox::take_settled(Settled& settled, std::uint64_t through) {
    figures_.settled_raw_bytes += settled.raw_bytes;
    for (const Rank rank : all_ranks) {
        if (!settled.blocks[rank]) continue;
        Line& line = *lines_[rank];
        line.settled = through;
        if (!settled.blocks[rank]->empty())
            line.newest_segment = settled.blocks[rank]->back().segment;
        for (LaneBlock& block : *settled.blocks[rank]) {
            const auto gone = std::min<std::uint64_t>(block.left, line.acknowledged_unsettled);
            block.left -= static_cast<std::uint32_t>(gone);
            line.acknowledged_unsettled -= gone;
            if (block.left > 0) line.blocks.push_back(block);
        }
        line.acknowledged_unsettled = 0;
    }
}

Task<> Outbox::drop_done() {
    std::uint64_t journal = durable_;
    PerRank<std::uint64_t> lanes;
    bool changed = false;
    for (const Rank rank : all_ranks) {
        const Line& line = *lines_[rank];
        journal = std::min(journal, std::max(done(rank), line.settled));
        lanes[rank] = line.blocks.empty() ? all_blocks : line.blocks.front().number - 1;
        changed |= lanes[rank] != lane_dropped_[rank] && seen_.lane_segments[rank] > 1;
    }
    // Before the first snapshot nothing goes: the checkpoints may be in the oldest segment.
    journal = snapshot_frame_ > 0 ? std::min(journal, snapshot_frame_ - 1) : 0;
    changed |= journal > journal_dropped_;
    if (!changed) co_return Result<>{};
    journal_dropped_ = journal;
    lane_dropped_ = lanes;
    auto job = [this, journal, lanes]() -> Result<> {
        TRY_VOID(journal_.drop(journal));
        for (const Rank rank : all_ranks) TRY_VOID(lanes_[rank]->drop(lanes[rank]));
        return {};
    };
    auto outcome = co_await workers_.run(std::move(job));
    if (!outcome && outcome.error().code == Errc::cancelled) co_return std::move(outcome).error();
    if (!outcome) ++figures_.disk_failures;
    seen_ = look();
    snapshot_segments_ = std::min(snapshot_segments_, seen_.journal_segments);
    room_.set();
    co_return Result<>{};
}

Task<> Outbox::enforce_disk_limit() {
    // What is dropped after the last frame was written would not be remembered.
    while (!stopping_ && charged_bytes() > options_.disk_bytes_max && give_up_oldest())
        CO_TRY_VOID(co_await drop_done());
    co_return Result<>{};
}

bool Outbox::give_up_oldest() {
    for (auto rank = all_ranks.rbegin(); rank != all_ranks.rend(); ++rank)
        if (options_.overflow[*rank] == DiskOverflow::drop_oldest && drop_oldest_segment(*rank))
            return true;
    return false;
}

// Its blocks are given up; drop_done() then removes the file. Never the one being written.
bool Outbox::drop_oldest_segment(Rank rank) {
    Line& line = *lines_[rank];
    if (line.blocks.empty() || seen_.lane_segments[rank] < 2) return false;
    const std::uint64_t segment = line.blocks.front().segment;
    if (segment == line.newest_segment) return false;
    const std::uint64_t before = line.dropped_through;
    std::uint64_t messages = 0;
    while (!line.blocks.empty() && line.blocks.front().segment == segment) {
        messages += line.blocks.front().left;
        line.dropped_through = line.blocks.front().last_frame;
        line.blocks.pop_front();
    }
    // What is on its way may arrive; what is only held goes too.
    for (std::size_t i = 0; i < line.sent; ++i)
        messages -= line.window[i].frame > before && line.window[i].frame <= line.dropped_through;
    while (line.window.size() > line.sent && line.window[line.sent].frame <= line.dropped_through) {
        line.window_bytes -= line.window[line.sent].payload.size();
        line.window.erase(line.window.begin() + static_cast<std::ptrdiff_t>(line.sent));
    }
    line.next = std::max(line.next, line.dropped_through + 1);
    note_dropped(rank, messages);
    return true;
}

std::optional<Rank> Outbox::wants_load() const {
    if (stopping_ || !sending_) return std::nullopt;
    for (const Rank rank : all_ranks)
        if (lines_[rank]->next <= durable_ &&
            lines_[rank]->window_bytes < options_.window_bytes_max)
            return rank;
    return std::nullopt;
}

Task<> Outbox::load(Rank rank) {
    Line& line = *lines_[rank];
    const std::uint64_t from = line.next, rewinds = rewinds_;
    std::optional<LaneBlock> block;
    if (from <= line.settled) {
        const auto found = std::find_if(line.blocks.begin(), line.blocks.end(),
                                        [&](const LaneBlock& b) { return b.last_frame >= from; });
        if (found == line.blocks.end()) {
            line.next = line.settled + 1;
            co_return Result<>{};
        }
        block = *found;
    }
    auto job = [this, rank, from, through = durable_, block] {
        return load_job(rank, from, through, block);
    };
    auto loaded = co_await workers_.run(std::move(job));
    if (!loaded && loaded.error().code == Errc::cancelled) co_return std::move(loaded).error();
    if (rewinds != rewinds_) co_return Result<>{};
    if (loaded) {
        for (const LoadedFrame& frame : loaded->frames) line.load(rank, frame);
        line.next = std::max(line.next, loaded->through + 1);
        more_.set();
        co_return Result<>{};
    }
    ++figures_.disk_failures;
    if (loaded.error().code == Errc::corrupt && block) {
        give_up_block(rank, *block);
        co_return Result<>{};
    }
    co_return co_await sleep_for(disk_retry);
}

Result<Outbox::Loaded> Outbox::load_job(Rank rank, std::uint64_t from, std::uint64_t through,
                                        const std::optional<LaneBlock>& block) {
    Loaded loaded;
    if (block) {
        TRY(loaded.frames, lanes_[rank]->read(*block));
        loaded.through = block->last_frame;
        return loaded;
    }
    auto& cursor = cursors_[rank];
    if (cursor.next_number != from) cursor = files::AppendLog::Cursor(from);
    std::size_t bytes = 0;
    while (bytes < load_bytes && cursor.next_number <= through) {
        TRY(auto frame, journal_.read(cursor));
        if (frame.number == 0 || frame.number > through) {
            loaded.through = through;
            return loaded;
        }
        loaded.through = frame.number;
        const auto parts = read_frame(frame.payload);
        if (!parts) continue;
        const FrameParts some = parts_of_rank(*parts, rank);
        if (some.messages.empty()) continue;
        LoadedFrame& kept = loaded.frames.emplace_back();
        kept.number = frame.number;
        kept.bytes.resize(frame_size(some));
        write_frame(some, kept.bytes);
        bytes += kept.bytes.size();
    }
    return loaded;
}

// What cannot be read is lost, and counted as what was given up.
void Outbox::give_up_block(Rank rank, const LaneBlock& block) {
    Line& line = *lines_[rank];
    std::erase_if(line.blocks, [&](const LaneBlock& b) { return b.number == block.number; });
    note_dropped(rank, block.left);
    line.next = std::max(line.next, block.last_frame + 1);
}

}  // namespace mw::outbox
