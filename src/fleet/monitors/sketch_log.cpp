#include "fleet/monitors/sketch_log.h"

#include "base/log.h"
#include "insight/drift/drift.h"

namespace mw::monitors {
namespace {

// version, length of device, length of model; device, model, body.
constexpr std::uint8_t version = 1;
constexpr std::size_t head_bytes = 5;
constexpr std::size_t name_bytes_max = 256;

std::optional<StoredSketch> parse(ByteView frame) {
    if (frame.size() < head_bytes || frame[0] != version) return std::nullopt;
    const auto device = load_le<std::uint16_t>(&frame[1]);
    const auto model = load_le<std::uint16_t>(&frame[3]);
    if (frame.size() < head_bytes + device + model) return std::nullopt;
    const ByteView rest = frame.subspan(head_bytes);
    const ByteView body = rest.subspan(std::size_t{device} + model);
    return StoredSketch{std::string(text_of(rest.first(device))),
                        std::string(text_of(rest.subspan(device, model))),
                        Bytes(body.begin(), body.end())};
}

}  // namespace

Result<std::unique_ptr<SketchLog>> SketchLog::open(
    files::Files& files, Loop& loop, Workers& workers, SketchLogOptions options,
    const std::function<void(StoredSketch)>& replay) {
    std::unique_ptr<SketchLog> made(new SketchLog(std::move(options)));
    files::GroupLogOptions log;
    log.log.directory = made->options_.directory;
    log.log.purpose = "sketches";
    log.log.segment_bytes = made->options_.segment_bytes;
    std::uint64_t unreadable = 0;
    const auto visit = [&](const files::LogFrame& frame) {
        made->account(frame.number, frame.payload.size());
        auto sketch = parse(frame.payload);
        if (sketch)
            replay(std::move(*sketch));
        else
            ++unreadable;
    };
    auto opened = files::GroupLog::open(files, loop, workers, std::move(log), visit);
    if (!opened) return std::move(opened).error().context("sketch log");
    made->log_ = std::move(*opened);
    if (unreadable > 0) log::warn("monitors.log.frames_skipped", {{"frames", unreadable}});
    return made;
}

SketchLog::~SketchLog() = default;

Result<std::uint64_t> SketchLog::keep(const ingest::DeviceReport& report) {
    if (report.device.size() > name_bytes_max || report.name.size() > name_bytes_max)
        return Error{Errc::invalid_input, "sketch: a name is longer than 256 bytes"};
    TRY(const auto sketch, drift::decode_sketch(bytes_of(report.body)));
    const std::size_t size =
        head_bytes + report.device.size() + report.name.size() + report.body.size();
    const auto fill = [&](std::span<std::uint8_t> into) {
        into[0] = version;
        store_le(&into[1], static_cast<std::uint16_t>(report.device.size()));
        store_le(&into[3], static_cast<std::uint16_t>(report.name.size()));
        std::size_t at = head_bytes;
        for (const std::string* text : {&report.device, &report.name, &report.body}) {
            std::copy(text->begin(), text->end(), into.begin() + static_cast<std::ptrdiff_t>(at));
            at += text->size();
        }
    };
    TRY(const std::uint64_t number, log_->append(size, fill));
    account(number, size);
    return number;
}

void SketchLog::account(std::uint64_t number, std::uint64_t bytes) {
    sizes_.push_back({number, bytes});
    kept_bytes_ += bytes;
    std::uint64_t through = 0;
    while (kept_bytes_ > options_.log_bytes_max && sizes_.size() > 1) {
        through = sizes_.front().number;
        kept_bytes_ -= sizes_.front().bytes;
        sizes_.pop_front();
    }
    if (through > 0 && log_) log_->drop(through);
}

std::uint64_t SketchLog::durable() const { return log_->durable(); }

void SketchLog::on_durable(std::function<void(std::uint64_t)> listener) {
    log_->on_durable(std::move(listener));
}

Task<> SketchLog::stop() { return log_->stop(); }

}  // namespace mw::monitors
