#include "apps/load/peer.h"

namespace mw::load {
namespace {

using mqtt::Fault;
using mqtt::PacketType;

constexpr nanoseconds answer_limit = seconds{30};
constexpr std::size_t packet_bytes_max = std::size_t{2} << 20;
constexpr std::size_t unsent_max = std::size_t{4} << 20;

}  // namespace

Task<> Peer::open(net::ConnectOptions to) {
    CO_TRY(stream_, co_await net::connect(std::move(to)));
    stream_->set_write_limit(unsent_max);
    mqtt::Connect connect;
    connect.version = options_.version;
    connect.client_id = client_id_;
    output_.clear();
    encode(output_, connect);
    CO_TRY_VOID(stream_->write(output_));
    open_ = true;
    scope_.spawn(read(*this));
    CO_TRY_VOID(co_await within(answer_limit, answered_.wait()));
    if (!answered_well_) co_return Error{Errc::io_failed, why_};
    co_return Result<>{};
}

Task<> Peer::subscribe(std::string filter) {
    mqtt::Subscribe packet;
    packet.id = 1;
    packet.filters.push_back({filter, {.qos = options_.qos}});
    output_.clear();
    encode(output_, options_.version, packet);
    answered_.reset();
    answered_well_ = false;
    if (!send()) co_return Error{Errc::io_failed, why_};
    CO_TRY_VOID(co_await within(answer_limit, answered_.wait()));
    if (!answered_well_) co_return Error{Errc::denied, "subscribing " + filter + ": " + why_};
    co_return Result<>{};
}

bool Peer::publish(std::string_view topic, ByteView payload) {
    if (!open_ || stream_->unsent() > unsent_max / 2) return false;
    mqtt::Publish packet;
    packet.topic = topic;
    packet.payload = payload;
    packet.qos = options_.qos;
    if (packet.qos != mqtt::QoS::at_most_once)
        packet.id = last_id_ =
            last_id_ == 65'535 ? mqtt::PacketId{1} : static_cast<mqtt::PacketId>(last_id_ + 1);
    output_.clear();
    encode(output_, options_.version, packet);
    if (!send()) return false;
    if (packet.qos != mqtt::QoS::at_most_once) ++unfinished_;
    return true;
}

void Peer::close() {
    if (!stream_) return;
    if (open_) {
        output_.clear();
        encode(output_, options_.version, PacketType::disconnect, mqtt::Disconnect{});
        ignore(stream_->write(output_), "it may be gone already");
        open_ = false;
    }
    stream_->close();
}

bool Peer::send() {
    if (!open_) return false;
    const auto written = stream_->write(output_);
    if (!written) broke(written.error().message);
    return written.ok();
}

void Peer::broke(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    if (!open_) return;
    open_ = false;
    stream_->close();
    answered_.set();
}

Task<> Peer::read(Peer& self) {
    while (self.open_) {
        auto bytes = co_await self.stream_->read();
        if (!bytes || bytes->empty()) {
            self.broke(bytes ? "the broker closed the connection" : bytes.error().message);
            break;
        }
        if (self.partial_.empty()) {
            const std::size_t used = self.parse(*bytes);
            self.partial_.assign(bytes->begin() + static_cast<std::ptrdiff_t>(used), bytes->end());
            continue;
        }
        self.partial_.insert(self.partial_.end(), bytes->begin(), bytes->end());
        const std::size_t used = self.parse(self.partial_);
        self.partial_.erase(self.partial_.begin(),
                            self.partial_.begin() + static_cast<std::ptrdiff_t>(used));
    }
    co_return Result<>{};
}

std::size_t Peer::parse(ByteView bytes) {
    std::size_t at = 0;
    mqtt::Frame frame;
    while (open_) {
        Fault fault = next_frame(bytes.subspan(at), packet_bytes_max, frame);
        if (fault.ok() && frame.size == 0) break;
        if (fault.ok()) fault = dispatch(frame);
        if (!fault.ok()) {
            broke("the broker broke the protocol: " + fault.describe());
            break;
        }
        at += frame.size;
    }
    return at;
}

Fault Peer::dispatch(const mqtt::Frame& frame) {
    switch (frame.type) {
        case PacketType::publish:
            return on_publish(frame);
        case PacketType::puback:
        case PacketType::pubrec:
        case PacketType::pubrel:
        case PacketType::pubcomp:
            return on_ack(frame);
        case PacketType::connack:
            return on_connack(frame);
        case PacketType::suback: {
            mqtt::Suback answer;
            const Fault fault = decode(frame, options_.version, answer);
            if (!fault.ok()) return fault;
            answered_well_ = !answer.reasons.empty() && !is_failure(answer.reasons.front());
            if (!answered_well_) why_ = to_string(answer.reasons.front());
            answered_.set();
            return {};
        }
        case PacketType::disconnect: {
            mqtt::Disconnect bye;
            const Fault fault = decode(frame, options_.version, bye);
            if (fault.ok()) broke("the broker disconnects: " + std::string(to_string(bye.reason)));
            return fault;
        }
        default:
            return {};
    }
}

Fault Peer::on_connack(const mqtt::Frame& frame) {
    mqtt::Connack answer;
    const Fault fault = decode(frame, options_.version, answer);
    if (!fault.ok()) return fault;
    if (answer.reason != mqtt::ReasonCode::success) {
        broke("the broker refuses: " + std::string(to_string(answer.reason)));
        return {};
    }
    window_ = answer.properties.number(mqtt::Property::receive_maximum, 65'535);
    answered_well_ = true;
    answered_.set();
    return {};
}

Fault Peer::on_publish(const mqtt::Frame& frame) {
    const Fault fault = decode(frame, options_.version, packet_);
    if (!fault.ok()) return fault;
    const mqtt::PacketId id = packet_.id;
    if (packet_.qos == mqtt::QoS::exactly_once) {
        const bool fresh = unreleased_.insert(id).second;
        send_ack(PacketType::pubrec, id);
        if (!fresh) return {};
    } else if (packet_.qos == mqtt::QoS::at_least_once) {
        send_ack(PacketType::puback, id);
    }
    if (ears_.message) ears_.message(packet_);
    return {};
}

// A refused publish is finished as well: it shows as lost.
Fault Peer::on_ack(const mqtt::Frame& frame) {
    mqtt::Ack packet;
    const Fault fault = decode(frame, options_.version, packet);
    if (!fault.ok()) return fault;
    if (frame.type == PacketType::pubrel) {
        unreleased_.erase(packet.id);
        send_ack(PacketType::pubcomp, packet.id);
        return {};
    }
    const bool refused = is_failure(packet.reason);
    if (refused && why_.empty()) why_ = to_string(packet.reason);
    if (frame.type == PacketType::pubrec && !refused) {
        send_ack(PacketType::pubrel, packet.id);
        return {};
    }
    if (unfinished_ > 0) --unfinished_;
    if (ears_.finished) ears_.finished();
    return {};
}

void Peer::send_ack(PacketType type, mqtt::PacketId id) {
    mqtt::Ack packet;
    packet.id = id;
    output_.clear();
    encode(output_, options_.version, type, packet);
    send();
}

}  // namespace mw::load
