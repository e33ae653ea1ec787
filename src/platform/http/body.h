#pragma once
// Bodies that are written piece by piece: event streams and downloads with Range.

#include "platform/http/message.h"

namespace mw::http {

// Given to a producer. Each piece is sent at the end of the turn; write() waits while the client is
// slow. Belongs to the connection.
class BodyWriter {
 public:
    virtual ~BodyWriter() = default;
    virtual Task<> write(std::string piece) = 0;
};

namespace detail {
template <class F>
class FunctionProducer final : public BodyProducer {
 public:
    explicit FunctionProducer(F function) : function_(std::move(function)) {}
    Task<> produce(BodyWriter& writer) override { return function_(writer); }

 private:
    F function_;
};
}  // namespace detail

// A response whose body is written by `function(BodyWriter&) -> Task<>`. The function lives in the
// response, so it may be a lambda coroutine with captures.
template <class F>
Response streamed(std::string_view content_type, F function) {
    Response response;
    response.headers.set("Content-Type", std::string(content_type));
    response.producer = std::make_unique<detail::FunctionProducer<F>>(std::move(function));
    return response;
}

struct ServerEvent {
    std::string data{};   // may have several lines
    std::string event{};  // type; empty: "message"
    std::string id{};     // what a client sends back as Last-Event-ID
};
std::string to_text(const ServerEvent& event);  // as on the wire

// Server-Sent Events (WHATWG HTML 9.2). Comments keep idle connections known to be alive.
class EventWriter {
 public:
    explicit EventWriter(BodyWriter& writer) : writer_(writer) {}
    Task<> send(ServerEvent event) { return writer_.write(to_text(event)); }
    Task<> keep_alive() { return writer_.write(": \n\n"); }

 private:
    BodyWriter& writer_;
};

// `function(EventWriter&) -> Task<>` sends events until it ends or the client goes.
template <class F>
Response event_stream(F function) {
    auto produce = [function = std::move(function)](BodyWriter& writer) mutable -> Task<> {
        EventWriter events(writer);
        co_return co_await function(events);
    };
    Response response = streamed("text/event-stream", std::move(produce));
    response.headers.set("Cache-Control", "no-store");
    return response;
}

// Something of known size that is read by position, as a blob.
class ByteSource {
 public:
    virtual ~ByteSource() = default;
    virtual std::uint64_t size() const = 0;
    virtual Task<Bytes> read(std::uint64_t offset, std::size_t most) = 0;
};
struct ByteRange {
    std::uint64_t first = 0, size = 0;
};
// RFC 9110 14.2. Nothing: send it all (no Range, or one we may ignore). An error: 416.
Result<std::optional<ByteRange>> parse_range(std::string_view header, std::uint64_t size);
// 200, 206 or 416, as the request's Range says; If-Range is honoured with a strong etag.
Response download(const Request& request, std::unique_ptr<ByteSource> source,
                  std::string_view content_type, std::string_view etag = {});

}  // namespace mw::http
