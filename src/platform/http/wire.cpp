#include "platform/http/wire.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <ctime>
#include <variant>

namespace mw::http {
namespace {

namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;

// A body that hands over what it has, whenever. It reserves nothing: Content-Length is a claim.
struct PieceBody {
    using value_type = std::string;
    class reader {
     public:
        template <bool request, class Fields>
        reader(beast::http::header<request, Fields>&, value_type& to) : to_(to) {}
        void init(const boost::optional<std::uint64_t>&, ErrorCode& error) { error = {}; }
        template <class Buffers>
        std::size_t put(const Buffers& buffers, ErrorCode& error) {
            error = {};
            std::size_t taken = 0;
            for (auto at = boost::asio::buffer_sequence_begin(buffers);
                 at != boost::asio::buffer_sequence_end(buffers); ++at) {
                boost::asio::const_buffer part = *at;
                to_.append(static_cast<const char*>(part.data()), part.size());
                taken += part.size();
            }
            return taken;
        }
        void finish(ErrorCode& error) { error = {}; }

     private:
        value_type& to_;
    };
};
using RequestParser = beast::http::request_parser<PieceBody>;
using ResponseParser = beast::http::response_parser<PieceBody>;

Refusal refusal_of(const ErrorCode& error) {
    using E = beast::http::error;
    if (error == E::header_limit) return {431, "the request head is too large"};
    if (error == E::body_limit) return {413, "the body is too large"};
    if (error == E::bad_version) return {505, "want HTTP/1.0 or HTTP/1.1"};
    return {400, "malformed HTTP: " + error.message()};
}

std::optional<Method> method_of(beast::http::verb verb) {
    switch (verb) {
        case beast::http::verb::get:
            return Method::get;
        case beast::http::verb::head:
            return Method::head;
        case beast::http::verb::post:
            return Method::post;
        case beast::http::verb::put:
            return Method::put;
        case beast::http::verb::patch:
            return Method::patch;
        case beast::http::verb::delete_:
            return Method::del;
        case beast::http::verb::options:
            return Method::options;
        default:
            return std::nullopt;
    }
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

// One of the two, and what both can.
struct MessageReader::Parser {
    std::unique_ptr<RequestParser> request;
    std::unique_ptr<ResponseParser> response;

    template <class F>
    auto with(F use) const {
        return request ? use(*request) : use(*response);
    }
};

MessageReader::MessageReader(Kind kind, std::size_t header_limit)
    : kind_(kind), header_limit_(header_limit), parser_(std::make_unique<Parser>()) {
    next();
}
MessageReader::~MessageReader() = default;

void MessageReader::next() {
    after_line_ = folded_ = false;
    head_bytes_ = 0;
    if (kind_ == Kind::request)
        parser_->request = std::make_unique<RequestParser>();
    else
        parser_->response = std::make_unique<ResponseParser>();
    parser_->with([&](auto& p) {
        p.header_limit(static_cast<std::uint32_t>(header_limit_));
        p.body_limit(boost::none);
        p.eager(false);  // stop after the head
    });
}

void MessageReader::expect_no_body() {
    parser_->with([](auto& p) { p.skip(true); });
}

void MessageReader::set_body_limit(std::uint64_t bytes) {
    parser_->with([&](auto& p) { p.body_limit(bytes); });
}

std::optional<Refusal> MessageReader::feed(ByteView bytes) {
    // The parser wants a whole head, or a whole chunk header, in one piece.
    if (!pending_.empty()) {
        keep(bytes);
        std::size_t used = 0;
        auto refused = put(pending_.data(), pending_.size(), used);
        pending_.erase(0, used);
        return refused;
    }
    std::size_t used = 0;
    auto refused = put(reinterpret_cast<const char*>(bytes.data()), bytes.size(), used);
    keep(bytes.subspan(used));
    return refused;
}

std::optional<Refusal> MessageReader::put(const char* data, std::size_t size, std::size_t& used) {
    return parser_->with([&](auto& p) -> std::optional<Refusal> {
        const bool head_was_done = p.is_header_done();
        while (used < size && !p.is_done()) {
            ErrorCode error;
            std::size_t taken = p.put(boost::asio::const_buffer(data + used, size - used), error);
            if (!head_was_done) look_for_folds({data + used, taken});
            used += taken;
            // The parser's own limit is for what it is given at a time.
            if (!head_was_done && (head_bytes_ += taken) > header_limit_)
                return refusal_of(beast::http::error::header_limit);
            if (error == beast::http::error::need_more) return std::nullopt;
            if (error) return refusal_of(error);
            if (p.is_header_done() && !head_was_done) {
                if (folded_) return Refusal{400, "a header line is folded"};
                return std::nullopt;
            }
            if (taken == 0) return std::nullopt;
        }
        return std::nullopt;
    });
}

// RFC 9112 5.2. What one program unfolds and another takes for a header of its own hides requests.
// The parser takes a head in parts, as it comes.
void MessageReader::look_for_folds(std::string_view head_part) {
    if (kind_ != Kind::request) return;
    for (const char c : head_part) {
        folded_ |= after_line_ && (c == ' ' || c == '\t');
        after_line_ = c == '\n';
    }
}

std::optional<Refusal> MessageReader::feed_end() {
    return parser_->with([&](auto& p) -> std::optional<Refusal> {
        if (!p.got_some()) return Refusal{400, "the connection ended"};
        ErrorCode error;
        p.put_eof(error);
        if (error || !p.is_done()) return Refusal{400, "the connection ended inside a message"};
        return std::nullopt;
    });
}

void MessageReader::keep(ByteView bytes) { pending_.append(text_of(bytes)); }

bool MessageReader::began() const {
    return !pending_.empty() || parser_->with([](auto& p) { return p.got_some(); });
}
bool MessageReader::head_done() const {
    return parser_->with([](auto& p) { return p.is_header_done(); });
}
bool MessageReader::done() const {
    return parser_->with([](auto& p) { return p.is_done(); });
}
bool MessageReader::keep_alive() const {
    return parser_->with([](auto& p) { return p.keep_alive(); });
}
bool MessageReader::version_1_0() const {
    return parser_->with([](auto& p) { return p.get().version() < 11; });
}
bool MessageReader::wants_continue() const {
    return parser_->with([](auto& p) {
        return beast::iequals(p.get()[beast::http::field::expect], "100-continue");
    });
}
std::optional<std::uint64_t> MessageReader::content_length() const {
    return parser_->with([](auto& p) -> std::optional<std::uint64_t> {
        auto length = p.content_length();
        if (!length) return std::nullopt;
        return *length;
    });
}

std::variant<Request, Refusal> MessageReader::request_head() const {
    const auto& message = parser_->request->get();
    Request request;
    auto method = method_of(message.method());
    if (!method)
        return Refusal{501, "unknown method " + std::string(view(message.method_string()))};
    request.method = *method;
    auto target = parse_target(view(message.target()));
    if (!target) return Refusal{400, target.error().message};
    std::tie(request.path, request.query) = *std::move(target);
    for (const auto& field : message)
        request.headers.add(std::string(view(field.name_string())),
                            std::string(view(field.value())));
    // RFC 9112 3.2: exactly one Host.
    auto hosts = message.count(beast::http::field::host);
    if (hosts > 1 || (hosts == 0 && message.version() >= 11))
        return Refusal{400, "want exactly one Host header"};
    // RFC 9112 6.1: a coding that we don't undo would reach the handler as noise.
    auto coding = message[beast::http::field::transfer_encoding];
    if (!coding.empty() && !beast::iequals(coding, "chunked"))
        return Refusal{501, "the only transfer coding known here is chunked"};
    return request;
}

Response MessageReader::response_head() const {
    const auto& message = parser_->response->get();
    Response response;
    response.status = static_cast<int>(message.result_int());
    for (const auto& field : message)
        response.headers.add(std::string(view(field.name_string())),
                             std::string(view(field.value())));
    return response;
}

std::string MessageReader::take_body() {
    return parser_->with([](auto& p) {
        std::string body = std::move(p.get().body());
        p.get().body().clear();
        return body;
    });
}

namespace {
void append_clean(std::string& to, std::string_view text) {
    for (char c : text) to += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
}
void append_headers(std::string& to, const Headers& headers) {
    for (const auto& [name, value] : headers) {
        append_clean(to, name);
        to += ": ";
        append_clean(to, value);
        to += "\r\n";
    }
}
}  // namespace

std::string response_head_text(const Response& response, std::string_view framing, bool close,
                               std::string_view server_name, Timestamp now) {
    std::string text = "HTTP/1.1 " + std::to_string(response.status) + ' ';
    text.append(reason_phrase(response.status)).append("\r\nDate: ").append(http_date(now));
    if (!server_name.empty()) text.append("\r\nServer: ").append(server_name);
    text.append("\r\n");
    append_headers(text, response.headers);
    text.append(framing);
    if (close) text.append("Connection: close\r\n");
    return text.append("\r\n");
}

std::string request_head_text(Method method, std::string_view target, const Headers& headers) {
    std::string text(to_string(method));
    text.append(" ").append(target).append(" HTTP/1.1\r\n");
    append_headers(text, headers);
    return text.append("\r\n");
}

std::string http_date(Timestamp time) {
    std::time_t second = time.ns / 1'000'000'000;
    std::tm parts{};
    gmtime_r(&second, &parts);
    char text[40];
    // The C locale's names, which is what RFC 9110 5.6.7 wants; nobody calls setlocale here.
    std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {text, size};
}

}  // namespace mw::http
