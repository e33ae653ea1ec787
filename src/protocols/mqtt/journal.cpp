#include "protocols/mqtt/journal.h"

#include "base/assert.h"
#include "base/log.h"
#include "platform/files/files.h"

namespace mw::mqtt {
namespace {

// Beyond options.waiting_bytes no message is let in; what answers to those that were, still is.
constexpr std::size_t room_for_answers = std::size_t{48} << 20;
constexpr std::size_t targets_bytes_max = std::size_t{64} << 10;  // of a message; an estimate
constexpr std::size_t frame_bytes_max = std::size_t{16} << 20;

}  // namespace

void Journal::Item::leave() {
    if (journal_ == nullptr) return;
    (older_ != nullptr ? older_->newer_ : journal_->oldest_) = newer_;
    (newer_ != nullptr ? newer_->older_ : journal_->newest_) = older_;
    journal_->living_bytes_ -= place_.bytes;
    older_ = newer_ = nullptr;
    journal_ = nullptr;
}

Result<std::unique_ptr<Journal>> Journal::open(files::Files& files, Loop& loop, Workers& workers,
                                               JournalOptions options, const Replay& replay) {
    std::unique_ptr<Journal> journal(new Journal(loop, options));
    files::GroupLogOptions log;
    log.log.directory = options.directory;
    log.log.purpose = "mqtt-sessions";
    log.log.segment_bytes = options.segment_bytes;
    log.log.frame_bytes_max = frame_bytes_max;
    log.waiting_bytes_max = options.waiting_bytes + room_for_answers;
    log.log.recycles = options.preparing != nullptr;
    log.readable = true;
    log.preparing = options.preparing;
    JournalRecord record;
    Result<> fault;
    auto visit = [&](const files::LogFrame& frame) {
        const auto bytes = static_cast<std::uint32_t>(frame.payload.size());
        if (auto decoded = decode(frame.payload, record); decoded)
            replay(record, {frame.number, journal->offset_, bytes});
        else if (fault)
            fault =
                Error{Errc::corrupt, options.directory + ", frame " + std::to_string(frame.number) +
                                         ": " + decoded.error().message};
        journal->offset_ += bytes;
    };
    TRY(journal->log_, files::GroupLog::open(files, loop, workers, std::move(log), visit));
    TRY_VOID(fault);
    journal->log_->on_durable([self = journal.get()](std::uint64_t number) {
        self->drop_dead({number});
        if (self->listener_) self->listener_({number});
    });
    return journal;
}

Journal::~Journal() { ASSERT(oldest_ == nullptr); }

void Journal::on_durable(std::function<void(Ticket)> listener) { listener_ = std::move(listener); }

Task<> Journal::flush() { return log_->flush(); }

Task<> Journal::stop() {
    scope_.cancel();
    CO_TRY_VOID(co_await scope_.join());
    co_return co_await log_->stop();
}

bool Journal::ready() const {
    return !log_->failure() && log_->figures().waiting_bytes < options_.waiting_bytes;
}

bool Journal::takes(std::size_t message_bytes) const {
    return log_->admit(message_bytes + targets_bytes_max).ok();
}

Journal::Place Journal::append(const JournalRecord& record) {
    scratch_.clear();
    encode(scratch_, record);
    const auto number = log_->append(scratch_);
    if (!number) {
        if (++refused_ == 1)
            log::error("mqtt.journal.refused", {{"directory", options_.directory},
                                                {"reason", number.error()},
                                                {"remedy", "make room on the disk"}});
        return {};
    }
    const Place place{*number, offset_, static_cast<std::uint32_t>(scratch_.size())};
    offset_ += scratch_.size();
    return place;
}

Ticket Journal::note(const JournalRecord& record) {
    const Place place = append(record);
    move_oldest(place.bytes);
    return {place.frame};
}

Ticket Journal::keep(const JournalRecord& record, Item& item) {
    const Place place = append(record);
    if (place.frame == 0) return {};  // an older record of the item stays
    item.leave();
    link(item, place);
    move_oldest(place.bytes);
    return {place.frame};
}

void Journal::keep_at(const Place& place, Item& item) {
    item.leave();
    link(item, place);
}

void Journal::link(Item& item, const Place& place) {
    Item* older = newest_;  // nearly always: only what was moved meanwhile is newer
    while (older != nullptr && older->place_.frame > place.frame) older = older->older_;
    item.place_ = place;
    item.journal_ = this;
    item.older_ = older;
    item.newer_ = older != nullptr ? older->newer_ : oldest_;
    (item.older_ != nullptr ? item.older_->newer_ : oldest_) = &item;
    (item.newer_ != nullptr ? item.newer_->older_ : newest_) = &item;
    living_bytes_ += place.bytes;
}

std::uint64_t Journal::bytes() const {
    return offset_ - (oldest_ != nullptr ? oldest_->place_.offset : offset_);
}

bool Journal::has_to_move() const {
    return oldest_ != nullptr && bytes() > 2 * living_bytes_ + options_.slack_bytes && ready();
}

// Each append pays for moving as much, so that the log's end never runs away from its beginning.
void Journal::move_oldest(std::size_t budget) {
    if (moving_) return;
    moving_ = true;
    std::size_t moved = 0;
    while (moved < budget + 1 && has_to_move()) {
        Item& item = *oldest_;
        if (item.needs_record()) {
            owe_moving(budget + 1 - moved);
            break;
        }
        moved += item.place_.bytes;
        item.rewrite(*this);
        if (oldest_ == &item) break;  // it could not be written
        ++moved_records_;
    }
    moving_ = false;
    drop_behind();
}

// A segment's worth at a time: less would ask the disk for nothing.
void Journal::drop_behind() {
    const std::uint64_t begin = offset_ - bytes();
    if (drop_when_ != 0 || begin - dropped_bytes_ < options_.segment_bytes) return;
    JournalRecord dropped;
    dropped.kind = JournalRecord::Kind::dropped;
    dropped.sequence = (oldest_ != nullptr ? oldest_->place_.frame : log_->last() + 1) - 1;
    const Place place = append(dropped);
    if (place.frame == 0) return;
    dropped_bytes_ = begin;
    drop_through_ = dropped.sequence;
    drop_when_ = place.frame;
}

// Only when what was moved is durable where it is now, and so is that the rest counts no more:
// after a power cut some of the removed segments may be there again, without those that ended their
// records.
void Journal::drop_dead(Ticket durable) {
    if (drop_when_ == 0 || durable.value < drop_when_) return;
    drop_when_ = 0;
    log_->drop(drop_through_);
}

}  // namespace mw::mqtt
