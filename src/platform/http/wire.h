#pragma once
// Private to this module: HTTP/1.1 on the wire, without I/O. Bytes in, messages out, and back.
// Only wire.cpp knows the parser that does it.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "platform/http/message.h"

namespace mw::http {

// Why a message was refused, as the status to answer with.
struct Refusal {
    int status;
    std::string message;
};

// Reads one message after the other from a stream of bytes; what follows a message is kept for the
// next one.
class MessageReader {
 public:
    enum class Kind { request, response };
    MessageReader(Kind kind, std::size_t header_limit);
    ~MessageReader();

    void next();                               // begins the next message
    void expect_no_body();                     // of the response to a HEAD
    void set_body_limit(std::uint64_t bytes);  // once the head is done
    // Goes on with what is kept, then with `bytes`. Stops after the head, and at the message's end.
    std::optional<Refusal> feed(ByteView bytes);
    std::optional<Refusal> feed_end();  // the peer sends no more
    void keep(ByteView bytes);          // for the next message
    std::size_t kept() const { return pending_.size(); }
    std::string take_kept() { return std::exchange(pending_, {}); }  // another protocol's

    bool began() const;  // something of this message has been seen
    bool head_done() const;
    bool done() const;
    bool keep_alive() const;
    bool wants_continue() const;  // Expect: 100-continue
    bool version_1_0() const;
    std::optional<std::uint64_t> content_length() const;

    // After the head: everything but the body.
    std::variant<Request, Refusal> request_head() const;
    Response response_head() const;
    std::string take_body();  // what has arrived of it since the last call

 private:
    struct Parser;
    std::optional<Refusal> put(const char* data, std::size_t size, std::size_t& used);
    void look_for_folds(std::string_view head_part);
    const Kind kind_;
    const std::size_t header_limit_;
    std::unique_ptr<Parser> parser_;
    std::string pending_;
    bool after_line_ = false, folded_ = false;  // in the head as far as it was read
    std::size_t head_bytes_ = 0;
};

// A head, ready to send. Control characters in names and values become spaces.
std::string response_head_text(const Response& response, std::string_view framing, bool close,
                               std::string_view server_name, Timestamp now);
std::string request_head_text(Method method, std::string_view target, const Headers& headers);
std::string http_date(Timestamp time);  // "Sun, 22 Nov 2026 12:00:00 GMT"

}  // namespace mw::http
