#pragma once
// Messages under mw/ that could not become points: kept with the reason in a bounded log
// (docs/formats/dead-letters.md), so that a person can see what a device sends wrong. Data loop.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"
#include "platform/files/files.h"
#include "platform/loop/loop.h"

namespace mw::ingest {

struct DeadLetterOptions {
    std::string directory;
    std::uint64_t log_bytes_max = std::uint64_t{16} << 20;  // the oldest go first
    std::size_t shown_max = 1'000;                          // kept in memory for list()
    std::size_t body_bytes_max = 256;                       // of each body
    std::size_t reason_bytes_max = 512;
};

struct DeadLetter {
    std::uint64_t number = 0;  // grows, also across restarts
    Timestamp arrival;
    std::string device;
    std::string topic;
    std::string reason;
    std::uint64_t body_bytes = 0;  // of the whole message
    Bytes body;                    // its beginning
};
Json to_json(const DeadLetter& letter);  // the body as text where it is UTF-8, else base64

class DeadLetters {
 public:
    // Blocks while it replays.
    static Result<std::unique_ptr<DeadLetters>> open(files::Files& files, Loop& loop,
                                                     Workers& workers, DeadLetterOptions options);
    ~DeadLetters();  // after stop()

    // Its number; durable when durable() has reached it. overloaded or io_failed from the disk.
    Result<std::uint64_t> add(Timestamp arrival, std::string_view device, std::string_view topic,
                              std::string_view reason, ByteView body);
    std::uint64_t durable() const;
    void on_durable(std::function<void(std::uint64_t)> listener);

    // The newest first; of one device, or of all when empty.
    std::vector<DeadLetter> list(std::string_view device, std::size_t limit) const;
    std::uint64_t log_bytes() const { return kept_bytes_; }

    Task<> stop();

 private:
    DeadLetters(DeadLetterOptions options) : options_(std::move(options)) {}
    void remember(DeadLetter letter);
    void account(std::uint64_t number, std::uint64_t bytes);

    struct Size {
        std::uint64_t number;
        std::uint64_t bytes;
    };
    DeadLetterOptions options_;
    std::unique_ptr<files::GroupLog> log_;
    std::deque<DeadLetter> shown_;
    std::deque<Size> sizes_;
    std::uint64_t kept_bytes_ = 0;
};

}  // namespace mw::ingest
