// AUTH: the part of Connection that lets a method find out who is there (MQTT 5, 4.12), at CONNECT
// and again while the connection is open.
#include <algorithm>

#include "protocols/mqtt/connection.h"
#include "protocols/mqtt/core.h"
#include "protocols/mqtt/wire.h"

namespace mw::mqtt {
namespace {

// A CONNECT is kept until its exchange is over.
constexpr std::size_t kept_connect_bytes_max = 65'536;

// A method may refuse with any reason; each packet has its own.
ReasonCode reason_for(PacketType type, ReasonCode wanted, ReasonCode otherwise) {
    const bool allowed =
        is_failure(wanted) && reason_allowed(type, Version::v5, static_cast<std::uint8_t>(wanted));
    return allowed ? wanted : otherwise;
}

}  // namespace

Connection::Step Connection::begin_authentication(const Connect& packet, const Frame& frame) {
    const std::string_view method = packet.properties.text(Property::authentication_method);
    Authenticator* methods = core_.authenticator();
    const std::string_view required = core_.required_method(identity_);
    std::unique_ptr<Exchange> exchange;
    if (methods != nullptr && (required.empty() || required == method))
        exchange = methods->begin(method, identity_);
    if (!exchange)
        return refuse(ReasonCode::bad_authentication_method,
                      "this server has no such authentication method");
    if (frame.body.size() > kept_connect_bytes_max)
        return refuse(ReasonCode::packet_too_large,
                      "CONNECT with an authentication method is longer than 64 KiB");
    authentication_ = std::make_unique<Authentication>();
    authentication_->method = method;
    authentication_->exchange = std::move(exchange);
    authentication_->connect.assign(frame.body.begin(), frame.body.end());
    state_ = State::authenticating;
    return authenticate(packet.properties.text(Property::authentication_data));
}

// Between CONNECT and CONNACK nothing else may come.
Connection::Step Connection::dispatch_authenticating(const Frame& frame) {
    if (authentication_->passed) return enter_authenticated();  // the last packet, after a pause
    if (frame.overlong) {
        on_fault({ReasonCode::malformed_packet, frame.type, 1,
                  "remaining length is written with more bytes than it needs"});
        return Step::next;
    }
    switch (frame.type) {
        case PacketType::auth:
            if (!core_.journal_ready()) {
                pause();
                return Step::again;
            }
            return on_auth(frame);
        case PacketType::disconnect: {
            Disconnect packet;
            if (const Fault fault = decode(frame, version_, packet); !fault.ok())
                on_fault(fault);
            else
                finish("the client gave its authentication up", true);
            return Step::next;
        }
        default:
            on_fault({ReasonCode::protocol_error, frame.type, 0,
                      "only AUTH and DISCONNECT may come before the authentication is over"});
            return Step::next;
    }
}

Connection::Step Connection::on_auth(const Frame& frame) {
    const auto wrong = [&](std::string_view what) {
        on_fault({ReasonCode::protocol_error, frame.type, 0, what});
        return Step::next;
    };
    if (!authentication_) return wrong("CONNECT named no authentication method");
    Auth packet;
    if (const Fault fault = decode(frame, version_, packet); !fault.ok()) {
        on_fault(fault);
        return Step::next;
    }
    // MQTT-4.12.1-1; and it may not be left out (3.15.2.2.2).
    if (packet.properties.text(Property::authentication_method) != authentication_->method)
        return wrong("the authentication method is not that of CONNECT");
    const bool under_way = authentication_->exchange != nullptr;
    if (packet.reason == ReasonCode::reauthenticate && !under_way) {
        authentication_->exchange =
            core_.authenticator()->begin(authentication_->method, identity_);
        authentication_->since = core_.now();
        schedule();
    } else if (packet.reason != ReasonCode::continue_authentication || !under_way) {
        return wrong(under_way ? "an authentication is under way; want reason code 0x18"
                               : "no authentication is under way; want reason code 0x19");
    }
    if (!authentication_->exchange) {
        refuse_authentication({.why = "the authentication method is gone"});
        return Step::next;
    }
    return authenticate(packet.properties.text(Property::authentication_data));
}

Connection::Step Connection::authenticate(std::string_view data) {
    Exchange::Answer answer = authentication_->exchange->step(bytes_of(data));
    switch (answer.verdict) {
        case Exchange::Answer::Verdict::go_on:
            send_auth(ReasonCode::continue_authentication, answer.data);
            return Step::next;
        case Exchange::Answer::Verdict::passed:
            break;
        case Exchange::Answer::Verdict::refused:
            refuse_authentication(answer);
            return Step::next;
    }
    authentication_->exchange.reset();
    if (state_ == State::open) {
        if (answer.identity && *answer.identity != identity())
            refuse_authentication({.why = "who authenticates again must stay who he is"});
        else
            send_auth(ReasonCode::success, answer.data);
        return Step::next;
    }
    if (answer.identity) {
        const Identity& proved = core_.keep(*answer.identity);
        core_.drop(identity_);
        identity_ = proved;
    }
    authentication_->passed = true;
    authentication_->last_words = std::move(answer.data);
    return enter_authenticated();
}

Connection::Step Connection::enter_authenticated() {
    const Bytes& kept = authentication_->connect;
    Connect packet;
    const Fault fault = decode(Frame{PacketType::connect, 0, kept, kept.size()}, packet);
    ASSERT(fault.ok());  // as it was when it came
    const Step step = enter(packet);
    if (step == Step::next) authentication_->connect = {}, authentication_->last_words = {};
    return step;
}

void Connection::refuse_authentication(const Exchange::Answer& answer) {
    if (state_ == State::open)
        return close(reason_for(PacketType::disconnect, answer.reason, ReasonCode::not_authorized),
                     answer.why);
    refuse(reason_for(PacketType::connack, answer.reason, ReasonCode::not_authorized), answer.why);
}

// DISCONNECT may not come before CONNACK (MQTT-3.14.0-1), which knows fewer reasons.
void Connection::close_authenticating(ReasonCode reason, std::string_view why,
                                      std::string_view server) {
    refuse(reason_for(PacketType::connack, reason, ReasonCode::server_unavailable), why, server);
}

void Connection::send_auth(ReasonCode reason, const Bytes& data) {
    Auth packet;
    packet.reason = reason;
    add_method(packet.properties, data);
    encode(begin_output(), version_, PacketType::auth, packet);
    if (core_.output().size() > peer_packet_max_)  // MQTT-3.1.2-24
        return close(ReasonCode::packet_too_large, "its maximum packet size has no room for AUTH");
    end_output();
}

// MQTT-4.12.0-5.
void Connection::add_method(Properties& properties, const Bytes& data) const {
    properties.set(Property::authentication_method, authentication_->method);
    if (!data.empty()) properties.set(Property::authentication_data, text_of(data));
}

// When an exchange on an open connection has to be over; 0: none is under way.
SteadyTime Connection::authentication_deadline() const {
    if (state_ != State::open || !authentication_ || !authentication_->exchange) return {};
    return authentication_->since + core_.limits().idle_before_connect;
}

}  // namespace mw::mqtt
