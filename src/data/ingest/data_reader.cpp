#include "data/ingest/data_reader.h"

#include "protocols/sparkplug/sparkplug.h"

namespace mw::ingest {

Result<> DataReader::read(const Topic& topic, ByteView body, Batch& batch) {
    batch.device.text.assign(topic.device);
    batch.position.stream.assign(topic.name);
    batch.arrival = clock_.now();
    if (auto good = payload::check_name(topic.name, decoder_.limits().name_bytes); !good) {
        batch.clear();
        return Error{Errc::invalid_input, "stream: " + good.error().message};
    }
    return decode(body, batch);
}

Result<> DataReader::decode(ByteView body, Batch& batch) {
    if (!payload::is_binary(body)) {
        batch.form = 0;
        return decoder_.decode(body, batch);
    }
    TRY(const auto bytes, binary_.decode(body, batch.device.text, batch));
    if (bytes == body.size()) return {};
    return Error{Errc::invalid_input, "bytes follow the batch; a message carries one"};
}

std::size_t ReadMessage::bytes() const {
    constexpr std::size_t of_a_point = sizeof(Timestamp) + sizeof(double) + sizeof(Quality);
    return sizeof *this + batch.runs.capacity() * sizeof(Run) +
           batch.times.capacity() * of_a_point + batch.boxes.bytes();
}

bool Preparer::wants(std::string_view topic) const {
    if (topic.starts_with(topic_root)) return !is_downward(topic);
    return topic.starts_with(sparkplug::topic_root);
}

std::unique_ptr<mqtt::Prepared> Preparer::prepare(std::string_view topic, ByteView body) {
    if (!topic.starts_with(topic_root)) return nullptr;
    const auto parsed = parse_topic(topic);
    if (!parsed || parsed->kind != TopicKind::data) return nullptr;
    std::unique_ptr<mqtt::Prepared> message;
    if (spare_.empty()) {
        message = std::make_unique<ReadMessage>();
    } else {
        message = std::move(spare_.back());
        spare_bytes_ -= message->bytes();
        spare_.pop_back();
        if (!spare_.empty()) spare_.back()->expect();  // it has been elsewhere
    }
    auto& read = static_cast<ReadMessage&>(*message);
    read.outcome = reader_.read(*parsed, body, read.batch);
    return message;
}

void Preparer::take_back(std::unique_ptr<mqtt::Prepared> used) {
    const std::size_t bytes = used->bytes();
    if (bytes > spare_bytes_of_one_max || spare_bytes_ + bytes > spare_bytes_max) return;
    spare_bytes_ += bytes;
    spare_.push_back(std::move(used));
}

}  // namespace mw::ingest
