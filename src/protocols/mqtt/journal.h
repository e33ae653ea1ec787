#pragma once
// The session journal: what must survive a power cut, in an append log with group commit. Belongs
// to its broker's loop. What lives stands in a list in the order of its records; a log that holds
// too much that is dead moves the oldest living records to its end, a little with each append, and
// drops what lies before them: no dump of everything, ever.
// Limits: waiting bytes; the log's size is at most twice what lives, and a slack.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "domain/point_sink.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"
#include "protocols/mqtt/journal_record.h"

namespace mw::mqtt {

struct JournalOptions {
    std::string directory;
    std::size_t segment_bytes = std::size_t{8} << 20;
    std::size_t waiting_bytes = std::size_t{16} << 20;  // more: the journal is not ready()
    std::size_t slack_bytes = std::size_t{16} << 20;
    Workers* preparing = nullptr;  // see files::GroupLogOptions
};

class Journal {
 public:
    // Where a record stands: its frame, and the bytes that were appended before it.
    struct Place {
        std::uint64_t frame = 0;
        std::uint64_t offset = 0;
        std::uint32_t bytes = 0;
    };
    // Something whose record must stay. Forgets itself when it is destroyed.
    class Item {
     public:
        Item() = default;
        virtual ~Item() { leave(); }
        Item(const Item&) = delete;

        // Its record is old: keep() it again as it is now.
        virtual void rewrite(Journal& journal) = 0;
        // Only its record knows all that it is: read that back and give it to the next.
        virtual bool needs_record() const { return false; }
        virtual void rewrite_as(Journal& journal, const JournalRecord&) { rewrite(journal); }
        virtual void lost() {}  // its record can't be read back: leave
        const Place& place() const { return place_; }
        Ticket ticket() const { return {place_.frame}; }
        bool kept() const { return journal_ != nullptr; }
        void leave();  // its record is not needed any more

     private:
        friend class Journal;
        Journal* journal_ = nullptr;
        Item* older_ = nullptr;
        Item* newer_ = nullptr;
        Place place_;
    };
    using Replay = std::function<void(const JournalRecord&, const Place&)>;

    // Blocks: replays what is there. References must outlive the journal.
    static Result<std::unique_ptr<Journal>> open(files::Files& files, Loop& loop, Workers& workers,
                                                 JournalOptions options, const Replay& replay);
    ~Journal();  // after stop(); every item has left

    // A record that nothing stands for: it ends what an older one began.
    Ticket note(const JournalRecord& record);
    // The record that stands for the item from now on.
    Ticket keep(const JournalRecord& record, Item& item);
    // The item stands by a record that is there already: another item's, or one of the replay (then
    // in the order of places).
    void keep_at(const Place& place, Item& item);

    // Whether messages may come: little waits, and the disk takes it.
    bool ready() const;
    // Whether a record of a message of so many bytes would be taken now.
    bool takes(std::size_t message_bytes) const;
    // Records that found no room though nobody asked ready(): wills, the hub's own messages, ends
    // of sessions. They are lost if the power goes; nobody was promised them.
    std::uint64_t refused() const { return refused_; }
    Ticket durable() const { return {log_->durable()}; }
    Ticket end() const { return {log_->last()}; }
    // Called on the loop when durable() has grown, or the journal is ready again.
    void on_durable(std::function<void(Ticket)> listener);
    // What durable records were, by their frames in order, or why each can't be read back (see
    // is_lost()). `then` is called on the loop later on, but not after stop().
    using Read = std::vector<Result<Bytes>>;
    void read(std::vector<std::uint64_t> frames, std::function<void(Read)> then);
    // While no loop runs: blocks.
    Read read_now(Loop& loop, std::vector<std::uint64_t> frames);
    // For good; else the disk may give it later.
    static bool is_lost(const Error& error);
    Task<> flush();  // until all that was said so far is durable
    Task<> stop();   // what waits becomes durable

    std::uint64_t bytes() const;  // from the oldest living record to the end
    std::uint64_t living_bytes() const { return living_bytes_; }
    std::uint64_t moved_records() const { return moved_records_; }
    const files::GroupLogFigures& figures() const { return log_->figures(); }
    const files::LogOpenReport& report() const { return log_->report(); }

 private:
    Journal(Loop& loop, JournalOptions options) : options_(std::move(options)), scope_(loop) {}
    static Task<> read_frames(Journal& journal, std::vector<std::uint64_t> frames,
                              std::function<void(Read)> then);
    Place append(const JournalRecord& record);
    void link(Item& item, const Place& place);
    bool has_to_move() const;
    void move_oldest(std::size_t budget);
    void owe_moving(std::size_t bytes);
    void recall_oldest();
    void move_recalled(const std::vector<std::uint64_t>& frames, const Read& read);
    bool move(Item& item, const Result<Bytes>& read);
    void drop_behind();
    void drop_dead(Ticket durable);

    JournalOptions options_;
    std::unique_ptr<files::GroupLog> log_;
    Bytes scratch_;
    Item* oldest_ = nullptr;
    Item* newest_ = nullptr;
    std::uint64_t offset_ = 0;  // bytes appended since the journal was opened, and replayed
    std::uint64_t living_bytes_ = 0;
    std::uint64_t moved_records_ = 0;
    std::uint64_t refused_ = 0;
    bool moving_ = false;
    bool recalling_ = false;
    std::size_t debt_ = 0;  // bytes to move that have to be read first
    std::uint64_t dropped_bytes_ = 0;
    std::uint64_t drop_through_ = 0;  // when drop_when_ is durable
    std::uint64_t drop_when_ = 0;
    std::function<void(Ticket)> listener_;
    Scope scope_;  // last: what reads
};

}  // namespace mw::mqtt
