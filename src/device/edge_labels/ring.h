#pragma once
// Snippets on disk: an append log of purpose `snippets` (docs/formats/edge-labels.md), of which the
// newest frame of a snippet counts. When it is full the oldest go, answered or not, and are
// counted. Belongs to the agent's loop; opening blocks. A power cut leaves what flush() confirmed.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/edge_labels/snippet.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::edge_labels {

struct RingOptions {
    std::string directory;
    std::uint64_t bytes_max = std::uint64_t{16} << 20;  // on disk, all together
    std::size_t segment_bytes = std::size_t{1} << 20;
};

// What is known of a snippet without reading it.
struct Question {
    std::string id;
    std::string model;
    Timestamp window_from, window_to;
    std::string why;
    double score = 0;
    std::optional<bool> label;  // as answered; none: open
    bool skipped = false;       // nobody could tell
    std::uint64_t frame = 0;    // where it is
};

struct RingFigures {
    std::size_t open = 0, answered = 0;
    std::uint64_t bytes = 0;
    std::uint64_t dropped_open = 0;  // left the ring before anybody answered
    std::uint64_t failures = 0;      // refused by the disk
    std::uint64_t unreadable = 0;    // frames, when it was opened
};

class Ring {
 public:
    static Result<std::unique_ptr<Ring>> open(files::Files& files, Loop& loop, Workers& workers,
                                              RingOptions options);
    ~Ring();  // after stop()
    Ring(const Ring&) = delete;

    // Takes the place of one with the same id; an answer that was given stays.
    Result<> keep(const Snippet& snippet);
    // none: skipped.
    Result<> settle(const std::string& id, std::optional<bool> label);
    const Question* find(const std::string& id) const;
    std::vector<Question> open_questions(std::size_t most) const;  // newest first
    // Its JSON as it was kept: a parser may lose the last bit of a number. not_found.
    Task<std::string> read(std::string id);
    Task<> flush() { return log_->flush(); }
    RingFigures figures() const;
    Task<> stop() { return log_->stop(); }

 private:
    explicit Ring(RingOptions options) : options_(std::move(options)) {}
    void replay(std::uint64_t number, ByteView payload);
    void take_in(const Json& frame, std::uint64_t number);
    Result<> append(const Json& frame);
    void account(std::uint64_t number, std::uint64_t bytes);
    void forget(std::uint64_t through);

    struct Size {
        std::uint64_t number, bytes;
    };
    RingOptions options_;
    std::unique_ptr<files::GroupLog> log_;
    std::map<std::string, Question> questions_;
    std::map<std::uint64_t, std::string> by_frame_;
    std::deque<Size> sizes_;
    std::uint64_t bytes_ = 0;
    std::uint64_t dropped_open_ = 0, failures_ = 0, unreadable_ = 0;
};

}  // namespace mw::edge_labels
