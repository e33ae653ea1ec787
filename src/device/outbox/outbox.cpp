#include "device/outbox/outbox.h"

#include "device/outbox/frame.h"
#include "device/outbox/line.h"

namespace mw::outbox {
namespace {

// Before ranks there was one queue: every frame up to this number was acknowledged.
constexpr std::string_view acknowledged_key = "outbox/acknowledged";
constexpr std::string_view positions_key = "outbox/positions";
constexpr std::string_view sequence_prefix = "outbox/sequence/";  // u64 last sequence
constexpr std::size_t name_bytes_max = 1024;
constexpr std::size_t position_bytes = 24;  // of each rank: done, settled, dropped
constexpr std::size_t block_bytes_max = std::size_t{512} * 1024;
constexpr std::size_t lane_segment_bytes_max = std::size_t{4} << 20;
constexpr std::size_t piece_bytes_min = 4096;

Bytes number_bytes(std::uint64_t number) {
    Bytes bytes(sizeof number);
    store_le(bytes.data(), number);
    return bytes;
}

std::uint64_t number_of(ByteView bytes) {
    return bytes.size() == 8 ? load_le<std::uint64_t>(bytes.data()) : 0;
}

files::AppendLogOptions journal_options(const Options& options) {
    files::AppendLogOptions log;
    log.directory = options.directory;
    log.purpose = "outbox";
    log.segment_bytes = options.segment_bytes;
    return log;
}

std::size_t share_of(std::uint64_t disk_bytes, std::uint64_t parts, std::size_t most) {
    const std::uint64_t share = disk_bytes / parts;
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(share, piece_bytes_min, most));
}

}  // namespace

// What the journal says, before it is known what of it the lanes have.
struct Outbox::Recovery {
    struct Frame {
        std::uint64_t number = 0;
        PerRank<std::uint32_t> messages;
    };
    std::vector<Frame> frames;  // few: the journal is short
    PerRank<std::uint64_t> done, settled, dropped;
};

Result<std::unique_ptr<Outbox>> Outbox::open(files::Files& files, Loop& loop, Workers& workers,
                                             Options options) {
    options.journal_bytes_max = std::min(options.journal_bytes_max, options.disk_bytes_max / 8);
    options.segment_bytes = std::min<std::size_t>(
        options.segment_bytes, static_cast<std::size_t>(options.journal_bytes_max / 2));
    TRY_VOID(files.make_directories(options.directory).context("opening the outbox"));
    TRY(auto journal, files::AppendLog::open(files, journal_options(options)));
    std::unique_ptr<Outbox> self(new Outbox(loop, workers, std::move(options), std::move(journal)));
    Recovery recovery;
    files::AppendLog::Cursor cursor;
    for (;;) {
        TRY(auto frame, self->journal_.read(cursor));
        if (frame.number == 0) break;
        self->recover(frame, recovery);
    }
    TRY_VOID(self->open_lanes(files, recovery));
    self->unsettled_bytes_ = self->journal_.bytes();
    self->seen_ = self->look();
    self->scope_.spawn(self->serve());
    return self;
}

Outbox::Outbox(Loop& loop, Workers& workers, Options options, files::AppendLog journal)
    : loop_(loop),
      workers_(workers),
      options_(std::move(options)),
      journal_(std::move(journal)),
      next_frame_(journal_.next()),
      durable_(journal_.next() - 1),
      scope_(loop) {
    for (auto& line : lines_) line = std::make_unique<Line>();
}

Outbox::~Outbox() = default;

void Outbox::recover(const files::LogFrame& frame, Recovery& recovery) {
    auto parts = read_frame(frame.payload);
    if (!parts) return;  // the checksum held, so this is a frame of a later version: passed over
    if (!parts->messages.empty()) recovery.frames.push_back({frame.number, {}});
    for (const auto& m : parts->messages) {
        auto& last = sequences_[std::string(m.stream)];
        last = std::max(last, m.sequence);
        ++recovery.frames.back().messages[rank_of(m.stream)];
    }
    for (const auto& c : parts->checkpoints) {
        if (c.key == acknowledged_key) {
            for (auto& done : recovery.done) done = std::max(done, number_of(c.value));
        } else if (c.key == positions_key) {
            if (c.value.size() != rank_count * position_bytes) continue;
            for (const Rank rank : all_ranks) {
                const auto* at = c.value.data() + static_cast<std::size_t>(rank) * position_bytes;
                recovery.done[rank] = std::max(recovery.done[rank], load_le<std::uint64_t>(at));
                recovery.settled[rank] = load_le<std::uint64_t>(at + 8);
                recovery.dropped[rank] = load_le<std::uint64_t>(at + 16);
            }
        } else if (c.key.starts_with(sequence_prefix)) {
            auto& last = sequences_[std::string(c.key.substr(sequence_prefix.size()))];
            last = std::max(last, number_of(c.value));
        } else {
            checkpoints_[std::string(c.key)] = Bytes(c.value.begin(), c.value.end());
        }
    }
}

Result<> Outbox::open_lanes(files::Files& files, Recovery& recovery) {
    for (const Rank rank : all_ranks) {
        LaneOptions lane;
        lane.directory = files::join(options_.directory, name_of(rank));
        lane.segment_bytes = share_of(options_.disk_bytes_max, 64, lane_segment_bytes_max);
        lane.block_bytes = share_of(options_.disk_bytes_max, 256, block_bytes_max);
        TRY(auto opened, Lane::open(files, std::move(lane), recovery.done[rank]));
        lanes_[rank] = std::move(opened.lane);
        Line& line = *lines_[rank];
        // A power cut between the lane's sync and the journal's: the lane knows better.
        line.settled = std::max(recovery.settled[rank], opened.last_frame);
        line.next = recovery.done[rank] + 1;
        line.figures.dropped_messages = recovery.dropped[rank];
        line.blocks.assign(opened.blocks.begin(), opened.blocks.end());
        line.newest_segment = line.blocks.empty() ? 0 : line.blocks.back().segment;
        // The journal that gave these numbers may be lost; none is given twice.
        next_frame_ = std::max(next_frame_, line.settled + 1);
        for (const LaneBlock& block : line.blocks) line.figures.unsent_messages += block.left;
        for (const auto& frame : recovery.frames)
            if (frame.number > std::max(recovery.done[rank], line.settled))
                line.figures.unsent_messages += frame.messages[rank];
    }
    durable_ = next_frame_ - 1;
    return {};
}

std::uint64_t Outbox::next_sequence(const std::string& stream) const {
    const auto found = sequences_.find(stream);
    return found == sequences_.end() ? 1 : found->second + 1;
}

std::optional<Bytes> Outbox::checkpoint(const std::string& key) const {
    const auto found = checkpoints_.find(key);
    if (found == checkpoints_.end()) return std::nullopt;
    return found->second;
}

// What counts against the budget. The journal counts twice as long as it may be: while it is moved
// into lanes, its bytes are in both.
std::uint64_t Outbox::charged_bytes() const {
    const std::uint64_t journal = std::max(seen_.journal_bytes, 2 * options_.journal_bytes_max);
    return seen_.bytes() - seen_.journal_bytes + journal;
}

// Higher ranks have room that lower ones may not use, where those are not dropped for it.
bool Outbox::is_full(Rank rank) const {
    if (options_.overflow[rank] == DiskOverflow::drop_oldest) return false;
    const std::uint64_t sixteenths = 16 - static_cast<std::uint64_t>(rank);
    return charged_bytes() + waiting_.bytes() > options_.disk_bytes_max / 16 * sixteenths;
}

Result<> Outbox::append(Entry entry) {
    bool disk_full = false;
    for (const auto& m : entry.messages) {
        if (m.stream.size() > name_bytes_max || m.topic.size() > name_bytes_max)
            return Error{Errc::invalid_input, "stream or topic longer than 1024 bytes"};
        const Rank rank = rank_of(m.stream);
        disk_full |= options_.overflow[rank] == DiskOverflow::refuse && is_full(rank);
    }
    if (stopping_) return Error{Errc::cancelled, "the outbox is stopping"};
    if (waiting_.bytes() > options_.waiting_bytes_max || disk_full) {
        ++figures_.refused_entries;
        room_.reset();
        return Error{Errc::overloaded, disk_full ? "the outbox has reached its limit on disk"
                                                 : "the outbox waits for the disk"};
    }
    add_frame(entry);
    for (auto& [key, value] : entry.checkpoints) checkpoints_[key] = std::move(value);
    work_.set();
    return {};
}

void Outbox::add_frame(const Entry& entry) {
    const std::uint64_t number = next_frame_++;
    FrameParts parts;
    PerRank<std::uint32_t> messages;
    for (const auto& m : entry.messages) {
        const std::uint64_t sequence = ++sequences_[m.stream];
        const Rank rank = rank_of(m.stream);
        ++lines_[rank]->figures.appended_messages;
        if (options_.overflow[rank] == DiskOverflow::drop_newest && is_full(rank)) {
            ++lines_[rank]->figures.dropped_messages;
            continue;
        }
        parts.messages.push_back({sequence, m.stream, m.topic, m.payload});
        ++messages[rank];
        ++lines_[rank]->figures.unsent_messages;
    }
    for (const auto& [key, value] : entry.checkpoints) parts.checkpoints.push_back({key, value});
    // In a frame only where they changed, and in every snapshot: while the hub is away, never.
    Bytes now = positions();
    if (now != last_positions_) {
        last_positions_ = std::move(now);
        parts.checkpoints.push_back({positions_key, last_positions_});
    }
    write_frame(parts, waiting_.begin(number, frame_size(parts)));
    waiting_.seal();
    // A sender that keeps up is given what was appended without reading it back.
    for (const Rank rank : all_ranks) {
        Line& line = *lines_[rank];
        if (line.next != number) continue;
        if (messages[rank] > 0 && (!sending_ || line.window_bytes >= options_.window_bytes_max))
            continue;
        line.next = number + 1;
        for (const auto& m : parts.messages)
            if (rank_of(m.stream) == rank) line.hold(number, rank, m);
    }
}

void Outbox::add_sequences(Entry& snapshot) const {
    for (const auto& [stream, last] : sequences_)
        snapshot.checkpoints[std::string(sequence_prefix) + stream] = number_bytes(last);
}

Bytes Outbox::positions() const {
    Bytes bytes(rank_count * position_bytes);
    for (const Rank rank : all_ranks) {
        const Line& line = *lines_[rank];
        auto* at = bytes.data() + static_cast<std::size_t>(rank) * position_bytes;
        // What is in the window is not done, and what is done was written.
        store_le(at, std::min(done(rank), durable_));
        store_le(at + 8, line.settled);
        store_le(at + 16, line.figures.dropped_messages);
    }
    return bytes;
}

// Frames up to this one have nothing of the rank that is still to be acknowledged.
std::uint64_t Outbox::done(Rank rank) const {
    const Line& line = *lines_[rank];
    return (line.window.empty() ? line.next : line.window.front().frame) - 1;
}

Task<> Outbox::room() {
    bool full = waiting_.bytes() > options_.waiting_bytes_max;
    for (const Rank rank : all_ranks)
        full |= options_.overflow[rank] == DiskOverflow::refuse && is_full(rank);
    if (!full) co_return Result<>{};
    room_.reset();
    co_return co_await room_.wait();
}

Task<> Outbox::flush() {
    const std::uint64_t target = next_frame_ - 1;
    while (durable_ < target) {
        progressed_.reset();
        CO_TRY_VOID(co_await progressed_.wait());
    }
    co_return Result<>{};
}

std::optional<Queued> Outbox::try_next(Rank lowest) {
    for (const Rank rank : all_ranks) {
        if (rank > lowest) break;
        Line& line = *lines_[rank];
        if (line.sent == line.window.size() || line.window[line.sent].frame > durable_) continue;
        sent_.push_back(rank);
        return line.window[line.sent++];
    }
    return std::nullopt;
}

Task<> Outbox::more(Rank lowest) {
    sending_ = true;
    for (const Rank rank : all_ranks) {
        const Line& line = *lines_[rank];
        if (rank <= lowest && line.sent < line.window.size() &&
            line.window[line.sent].frame <= durable_)
            co_return Result<>{};
    }
    more_.reset();
    work_.set();
    co_return co_await more_.wait();
}

void Outbox::acknowledge_one() {
    ASSERT(!sent_.empty());
    const Rank rank = sent_.front();
    sent_.pop_front();
    Line& line = *lines_[rank];
    const Queued sent = std::move(line.window.front());
    line.window.pop_front();
    --line.sent;
    line.window_bytes -= sent.payload.size();
    line.acknowledged(sent.frame);
    work_.set();
}

void Outbox::rewind() {
    for (const Rank rank : all_ranks) {
        Line& line = *lines_[rank];
        // Of what the disk has given up meanwhile nothing can be sent again.
        std::uint64_t lost = 0;
        for (const Queued& queued : line.window) lost += queued.frame <= line.dropped_through;
        note_dropped(rank, lost);
        line.next = std::max(done(rank), line.dropped_through) + 1;
        line.window.clear();
        line.sent = 0;
        line.window_bytes = 0;
    }
    sent_.clear();
    sending_ = false;
    ++rewinds_;
    work_.set();
}

void Outbox::note_dropped(Rank rank, std::uint64_t messages) {
    lines_[rank]->figures.dropped_messages += messages;
    lines_[rank]->figures.unsent_messages -= messages;
}

Figures Outbox::figures() const {
    Figures figures = figures_;
    for (const Rank rank : all_ranks) {
        const Line& line = *lines_[rank];
        figures.ranks[rank] = line.figures;
        figures.ranks[rank].disk_bytes = seen_.lane_bytes[rank];
        figures.appended_messages += line.figures.appended_messages;
        figures.acknowledged_messages += line.figures.acknowledged_messages;
        figures.dropped_messages += line.figures.dropped_messages;
        figures.unsent_messages += line.figures.unsent_messages;
        figures.window_bytes += line.window_bytes;
    }
    figures.disk_bytes = seen_.bytes();
    figures.waiting_bytes = waiting_.bytes();
    return figures;
}

Task<> Outbox::stop() {
    if (!stopping_) {
        stopping_ = true;
        add_frame({});  // remembers what was acknowledged
        work_.set();
    }
    co_return co_await scope_.join();
}

}  // namespace mw::outbox
