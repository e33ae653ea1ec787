#include "device/outbox/outbox.h"

#include "device/outbox/frame.h"

namespace mw::outbox {
namespace {

constexpr std::string_view acknowledged_key = "outbox/acknowledged";  // u64 frame number
constexpr std::string_view sequence_prefix = "outbox/sequence/";      // u64 last sequence
constexpr nanoseconds disk_retry = milliseconds{250};
constexpr std::size_t name_bytes_max = 1024;
constexpr std::size_t load_bytes = 256 * 1024;  // read from disk per job

Bytes number_bytes(std::uint64_t number) {
    Bytes bytes(sizeof number);
    store_le(bytes.data(), number);
    return bytes;
}

std::uint64_t number_of(ByteView bytes) {
    return bytes.size() == 8 ? load_le<std::uint64_t>(bytes.data()) : 0;
}

files::AppendLogOptions log_options(const Options& options) {
    files::AppendLogOptions log;
    log.directory = options.directory;
    log.purpose = "outbox";
    log.segment_bytes = options.segment_bytes;
    return log;
}

}  // namespace

Result<std::unique_ptr<Outbox>> Outbox::open(files::Files& files, Loop& loop, Workers& workers,
                                             Options options) {
    TRY_VOID(files.make_directories(options.directory).context("opening the outbox"));
    TRY(auto log, files::AppendLog::open(files, log_options(options)));
    std::unique_ptr<Outbox> self(new Outbox(loop, workers, std::move(options), std::move(log)));
    files::AppendLog::Cursor cursor;
    for (;;) {
        TRY(auto frame, self->log_.read(cursor));
        if (frame.number == 0) break;
        self->recover(frame);
    }
    std::erase_if(self->unsent_,
                  [&](const auto& entry) { return entry.first <= self->acknowledged_through_; });
    for (const auto& [frame, messages] : self->unsent_) self->figures_.unsent_messages += messages;
    self->cursor_.next_number = self->acknowledged_through_ + 1;
    self->seen_ = self->look();
    self->scope_.spawn(self->serve());
    return self;
}

Outbox::Outbox(Loop& loop, Workers& workers, Options options, files::AppendLog log)
    : loop_(loop),
      workers_(workers),
      options_(std::move(options)),
      log_(std::move(log)),
      next_frame_(log_.next()),
      durable_(log_.next() - 1),
      scope_(loop) {}

Outbox::~Outbox() = default;

Outbox::Seen Outbox::look() const { return {log_.bytes(), log_.segments(), log_.first()}; }

void Outbox::recover(const files::LogFrame& frame) {
    auto parts = read_frame(frame.payload);
    if (!parts) return;  // the checksum held, so this is a frame of a later version: passed over
    for (const auto& m : parts->messages) {
        auto& last = sequences_[std::string(m.stream)];
        last = std::max(last, m.sequence);
    }
    if (!parts->messages.empty())
        unsent_[frame.number] = static_cast<std::uint32_t>(parts->messages.size());
    for (const auto& c : parts->checkpoints) {
        if (c.key == acknowledged_key) {
            acknowledged_through_ = std::max(acknowledged_through_, number_of(c.value));
        } else if (c.key.starts_with(sequence_prefix)) {
            auto& last = sequences_[std::string(c.key.substr(sequence_prefix.size()))];
            last = std::max(last, number_of(c.value));
        } else {
            checkpoints_[std::string(c.key)] = Bytes(c.value.begin(), c.value.end());
        }
    }
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

Result<> Outbox::append(Entry entry) {
    for (const auto& m : entry.messages)
        if (m.stream.size() > name_bytes_max || m.topic.size() > name_bytes_max)
            return Error{Errc::invalid_input, "stream or topic longer than 1024 bytes"};
    if (stopping_) return Error{Errc::cancelled, "the outbox is stopping"};
    const bool disk_full = options_.overflow == DiskOverflow::refuse &&
                           seen_.bytes + waiting_.bytes() > options_.disk_bytes_max;
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
    FrameParts parts;
    for (const auto& m : entry.messages) {
        const std::uint64_t sequence = ++sequences_[m.stream];
        parts.messages.push_back({sequence, m.stream, m.topic, m.payload});
    }
    for (const auto& [key, value] : entry.checkpoints) parts.checkpoints.push_back({key, value});
    const Bytes acknowledged = number_bytes(acknowledged_through_);
    parts.checkpoints.push_back({acknowledged_key, acknowledged});
    const std::uint64_t number = next_frame_++;
    write_frame(parts, waiting_.begin(number, frame_size(parts)));
    waiting_.seal();
    if (!entry.messages.empty()) {
        unsent_[number] = static_cast<std::uint32_t>(entry.messages.size());
        figures_.appended_messages += entry.messages.size();
        figures_.unsent_messages += entry.messages.size();
    }
}

Task<> Outbox::room() {
    if (waiting_.bytes() <= options_.waiting_bytes_max &&
        (options_.overflow == DiskOverflow::drop_oldest ||
         seen_.bytes + waiting_.bytes() <= options_.disk_bytes_max))
        co_return Result<>{};
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

// One job at a time on the log: commit what waits, drop what is done, load what is to be sent.
Task<> Outbox::serve() {
    while (!stopping_ || !waiting_.empty()) {
        if (waiting_.empty() && !wants_load()) {
            work_.reset();
            CO_TRY_VOID(co_await work_.wait());
        }
        if (!waiting_.empty()) CO_TRY_VOID(co_await commit());
        CO_TRY_VOID(co_await drop_acknowledged());
        if (wants_load()) CO_TRY_VOID(co_await load());
    }
    co_return Result<>{};
}

Task<> Outbox::commit() {
    if (seen_.segments != snapshot_segments_) {
        // A new segment begins: everything a restart needs goes into it, so that older ones can go.
        snapshot_segments_ = seen_.segments;
        Entry snapshot;
        snapshot.checkpoints = checkpoints_;
        for (const auto& [stream, last] : sequences_)
            snapshot.checkpoints[std::string(sequence_prefix) + stream] = number_bytes(last);
        add_frame(snapshot);
        snapshot_frame_ = next_frame_ - 1;
    }
    std::swap(waiting_, in_flight_);
    const std::uint64_t last = in_flight_.last();
    for (;;) {
        auto job = [this] { return log_.commit(in_flight_); };
        auto outcome = co_await workers_.run(std::move(job));
        if (outcome) break;
        if (outcome.error().code == Errc::cancelled) co_return std::move(outcome).error();
        ++figures_.disk_failures;
        CO_TRY_VOID(co_await sleep_for(disk_retry));
    }
    in_flight_.clear();
    durable_ = last;
    seen_ = look();
    enforce_disk_limit();
    room_.set();
    progressed_.set();
    co_return Result<>{};
}

void Outbox::enforce_disk_limit() {
    if (options_.overflow != DiskOverflow::drop_oldest) return;
    if (seen_.bytes <= options_.disk_bytes_max || seen_.segments < 2) return;
    // The oldest tenth goes at once, so that this is rare.
    const std::uint64_t first = seen_.first;
    const std::uint64_t through =
        std::min(durable_ > 0 ? durable_ - 1 : 0, first + (durable_ - first) / 10 + 1);
    while (!unsent_.empty() && unsent_.begin()->first <= through) {
        figures_.dropped_messages += unsent_.begin()->second;
        figures_.unsent_messages -= unsent_.begin()->second;
        unsent_.erase(unsent_.begin());
    }
    while (window_.size() > sent_ && window_[sent_].message.frame <= through) {
        figures_.window_bytes -= window_[sent_].message.payload.size();
        window_.erase(window_.begin() + static_cast<std::ptrdiff_t>(sent_));
    }
    cursor_.next_number = std::max(cursor_.next_number, through + 1);
    acknowledged_through_ = std::max(acknowledged_through_, through);
}

Task<> Outbox::drop_acknowledged() {
    const std::uint64_t done = std::min(acknowledged_through_, durable_);
    // Before the first snapshot nothing goes: the checkpoints may be in the oldest segment.
    const std::uint64_t through = snapshot_frame_ > 0 ? std::min(done, snapshot_frame_ - 1) : 0;
    if (through <= drop_through_) co_return Result<>{};
    drop_through_ = through;
    auto job = [this, through] { return log_.drop(through); };
    auto outcome = co_await workers_.run(std::move(job));
    if (!outcome && outcome.error().code == Errc::cancelled) co_return std::move(outcome).error();
    if (!outcome) ++figures_.disk_failures;
    seen_ = look();
    snapshot_segments_ = std::min(snapshot_segments_, seen_.segments);
    room_.set();
    co_return Result<>{};
}

bool Outbox::wants_load() const {
    return !stopping_ && cursor_.next_number <= durable_ &&
           figures_.window_bytes < options_.window_bytes_max;
}

Task<> Outbox::load() {
    struct Loaded {
        std::vector<std::pair<std::uint64_t, Bytes>> frames;
    };
    const std::uint64_t durable = durable_;
    auto job = [this, durable]() -> Result<Loaded> {
        Loaded loaded;
        std::size_t bytes = 0;
        while (bytes < load_bytes && cursor_.next_number <= durable) {
            TRY(auto frame, log_.read(cursor_));
            if (frame.number == 0) break;
            loaded.frames.emplace_back(frame.number,
                                       Bytes(frame.payload.begin(), frame.payload.end()));
            bytes += frame.payload.size();
        }
        return loaded;
    };
    auto loaded = co_await workers_.run(std::move(job));
    if (!loaded) {
        if (loaded.error().code == Errc::cancelled) co_return std::move(loaded).error();
        ++figures_.disk_failures;
        CO_TRY_VOID(co_await sleep_for(disk_retry));
        co_return Result<>{};
    }
    if (loaded->frames.empty()) cursor_.next_number = durable + 1;
    for (const auto& [frame, payload] : loaded->frames) hold(frame, payload);
    if (window_.size() > sent_) more_.set();
    co_return Result<>{};
}

void Outbox::hold(std::uint64_t frame, ByteView payload) {
    if (!unsent_.contains(frame)) return;  // acknowledged before a restart, or checkpoints only
    auto parts = read_frame(payload);
    if (!parts) return;
    for (const auto& m : parts->messages) {
        Held& held = window_.emplace_back();
        held.message.frame = frame;
        held.message.topic = std::string(m.topic);
        held.message.payload.assign(m.payload.begin(), m.payload.end());
        figures_.window_bytes += m.payload.size();
    }
    if (!parts->messages.empty()) window_.back().last_of_frame = true;
}

std::optional<Queued> Outbox::try_next() {
    if (sent_ == window_.size()) return std::nullopt;
    return window_[sent_++].message;
}

Task<> Outbox::more() {
    if (sent_ < window_.size()) co_return Result<>{};
    more_.reset();
    co_return co_await more_.wait();
}

void Outbox::acknowledge_one() {
    ASSERT(sent_ > 0);
    const Held held = std::move(window_.front());
    window_.pop_front();
    --sent_;
    figures_.window_bytes -= held.message.payload.size();
    if (const auto found = unsent_.find(held.message.frame); found != unsent_.end()) {
        ++figures_.acknowledged_messages;
        --figures_.unsent_messages;
        if (--found->second == 0) {
            acknowledged_through_ = std::max(acknowledged_through_, found->first);
            unsent_.erase(found);
        }
    }
    work_.set();
}

void Outbox::rewind() {
    sent_ = 0;
    if (!window_.empty()) more_.set();
}

Figures Outbox::figures() const {
    Figures figures = figures_;
    figures.disk_bytes = seen_.bytes;
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
