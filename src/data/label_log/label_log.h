#pragma once
// The label log (docs/formats/label-log.md): what people answered about windows. Every answer is
// kept; of those about one (device, model, window) the newest counts. Belongs to the control loop;
// opening blocks. Limit: all answers are held in memory, about 300 bytes each.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/label_log/agreement.h"
#include "data/label_log/label.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::labels {

class LabelLog {
 public:
    // Replays the log. A frame that cannot be read is counted and left out.
    static Result<std::unique_ptr<LabelLog>> open(files::Files& files, Loop& loop, Workers& workers,
                                                  std::string directory);
    ~LabelLog();  // after stop()

    // The answer as it is stored, durable when this returns. Saying once more what the newest
    // answer about the window says already (same task, author and label), or an answer of a gateway
    // that came before (same event), writes nothing and gives that one. invalid_input: a field is
    // missing or not possible; overloaded, io_failed: the disk. conflict: the window's newest
    // answer settled a disagreement, and this one doesn't.
    Task<Label> append(Label label);

    // The newest answer about each window, by device, window and model. A snapshot for any thread.
    std::shared_ptr<const Labels> newest();
    // The same, as if nothing later than `time` had been answered.
    Labels as_of(Timestamp time) const;
    // The newest answer that was given to a task; null: none.
    const Label* of_task(const std::string& task) const;

    // All answers by window, each window's in the order in which they count.
    std::vector<Labels> windows() const;
    // Those about the window of this answer; the last is the newest.
    Labels about(const Label& label) const;

    std::size_t answers() const { return answers_; }  // superseded ones included
    std::uint64_t unreadable_frames() const { return unreadable_; }
    Task<> stop();

 private:
    struct Window {
        std::string device;
        Timestamp from, to;
        std::string model;
        auto operator<=>(const Window&) const = default;
    };
    LabelLog() = default;
    static Window window_of(const Label& label);
    void replay(std::uint64_t number, ByteView frame);
    const Label& keep(Label label);

    std::unique_ptr<files::GroupLog> log_;
    std::map<Window, Labels> windows_;  // answers in the order in which they count: last is newest
    std::map<std::string, Window> tasks_;
    std::shared_ptr<const Labels> newest_;  // null: to be made
    std::size_t answers_ = 0;
    std::uint64_t unreadable_ = 0;
};

}  // namespace mw::labels
