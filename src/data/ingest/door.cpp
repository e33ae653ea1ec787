#include "data/ingest/door.h"

#include <algorithm>

#include "data/ingest/sparkplug_door.h"

namespace mw::ingest {

Ingest::Ingest(IngestOptions options, Parts parts)
    : parts_(std::move(parts)),
      metrics_(parts_.metrics),
      reader_(options.payload, parts_.clock),
      quality_(options.quality),
      edge_nodes_(std::make_unique<EdgeNodes>(*this, std::move(options.sparkplug))) {
    reached(TicketLine::Log::history, parts_.history.durable().value);
    reached(TicketLine::Log::dead_letters, parts_.dead_letters.durable());
    std::weak_ptr<Ingest*> self = self_;
    parts_.history.on_durable([self](Ticket ticket) {
        if (const auto here = self.lock()) (*here)->reached(TicketLine::Log::history, ticket.value);
    });
    parts_.dead_letters.on_durable([self](std::uint64_t number) {
        if (const auto here = self.lock()) (*here)->reached(TicketLine::Log::dead_letters, number);
    });
    const auto follow = [&](ReportKeeper* keeper, TicketLine::Log log) {
        if (!keeper) return;
        reached(log, keeper->durable());
        keeper->on_durable([self, log](std::uint64_t number) {
            if (const auto here = self.lock()) (*here)->reached(log, number);
        });
    };
    follow(parts_.sketches, TicketLine::Log::sketches);
    follow(parts_.labels, TicketLine::Log::labels);
}

Ingest::~Ingest() = default;

void Ingest::put_device(const std::string& name, DeviceFacts facts) {
    directory_.put(name, std::move(facts));
}

void Ingest::remove_device(const std::string& name) {
    if (directory_.remove(name)) quality_.forget(DeviceId{name});
}

Result<Ticket> Ingest::publish(const mqtt::Identity&, std::string_view topic, ByteView body,
                               const mqtt::PublishProperties& properties) {
    if (!topic.starts_with(topic_root)) {
        if (!topic.starts_with(sparkplug::topic_root)) return Ticket{0};
        return edge_nodes_->host.receive(topic, body, properties.qos);
    }
    if (is_downward(topic)) return Ticket{0};
    const auto parsed = parse_topic(topic);
    if (!parsed)
        return bury({}, topic,
                    "no such topic; known are mw/v1/{device}/ data/{stream}, decision/{model}, "
                    "event, health, sketch/{model}, label/{model}, reported, reply/{id}",
                    body);
    KnownDevice* device = directory_.find(parsed->device);
    if (!device) {
        metrics_.unknown_devices.add();
        Error error{Errc::denied, "device '" + std::string(parsed->device) +
                                      "' is not registered; enroll or create it first"};
        ignore(bury(parsed->device, topic, error.message, body), "the message is refused anyway");
        return error;
    }
    metrics_.messages[static_cast<std::size_t>(parsed->kind)]->add();
    switch (parsed->kind) {
        case TopicKind::data:
            return take_data(*device, *parsed, topic, body, properties.prepared);
        case TopicKind::decision:
            return take_decision(*device, *parsed, topic, body);
        default:
            return take_report(*parsed, topic, body);
    }
}

std::unique_ptr<mqtt::Preparer> Ingest::preparer() {
    return std::make_unique<Preparer>(reader_.decoder().limits(), parts_.clock);
}

Result<Ticket> Ingest::take_data(KnownDevice& device, const Topic& topic, std::string_view text,
                                 ByteView body, mqtt::Prepared* prepared) {
    auto* before = static_cast<ReadMessage*>(prepared);  // preparer() makes no other
    Batch& batch = before ? before->batch : batch_;
    const Result<> read = before ? before->outcome : reader_.read(topic, body, batch);
    if (!read) return bury(topic.device, text, read.error().message, body);
    auto ticket = store(device, batch, forms_.find(batch.form, directory_.epoch()));
    if (!ticket && ticket.error().code == Errc::invalid_input)
        return bury(topic.device, text, ticket.error().message, body);
    return ticket;
}

Result<Ticket> Ingest::take_decision(KnownDevice& device, const Topic& topic, std::string_view text,
                                     ByteView body) {
    auto decision = reader_.decoder().decode_decision(text_of(body));
    if (!decision) return bury(topic.device, text, decision.error().message, body);
    if (decision->device != device.id)
        return bury(topic.device, text, "'device' is not the topic's", body);
    if (decision->model != topic.name)
        return bury(topic.device, text, "'model' is not the topic's", body);
    if (decision->asset.empty()) decision->asset = device.facts.asset;
    decision->position.stream = "decision/" + decision->model;
    return store(*decision);
}

Result<Ticket> Ingest::take_report(const Topic& topic, std::string_view text, ByteView body) {
    DeviceReport report{.kind = topic.kind,
                        .device = std::string(topic.device),
                        .name = std::string(topic.name),
                        .body = std::string(text_of(body)),
                        .arrival = parts_.clock.now()};
    // In the log first: should the report find no room, it comes again, and once more does no harm.
    Ticket ticket;
    if (topic.kind == TopicKind::sketch && parts_.sketches) {
        auto number = parts_.sketches->keep(report);
        if (!number && number.error().code == Errc::invalid_input)
            return bury(topic.device, text, number.error().message, body);
        if (!number) return refused(std::move(number).error());
        ticket = line_.issue(TicketLine::Log::sketches, *number);
    }
    if (topic.kind == TopicKind::label) {
        const auto keep = [&]() -> Result<std::uint64_t> {
            if (parts_.labels) return parts_.labels->keep(report);
            return Error{Errc::invalid_input, "nobody takes labels of gateways here"};
        };
        auto number = keep();
        if (number) return line_.issue(TicketLine::Log::labels, *number);
        if (number.error().code == Errc::invalid_input)
            return bury(topic.device, text, number.error().message, body);
        return refused(std::move(number).error());
    }
    auto taken = parts_.reports.take(std::move(report));
    if (taken) return ticket;
    if (taken.error().code == Errc::invalid_input)
        return bury(topic.device, text, taken.error().message, body);
    return refused(std::move(taken).error());
}

Result<Ticket> Ingest::accept(Batch& batch) {
    if (batch.arrival == Timestamp{}) batch.arrival = parts_.clock.now();
    if (const Form* form = forms_.find(batch.form, directory_.epoch()))
        return store(*form->device, batch, form);
    KnownDevice* device = directory_.find(batch.device.text);
    if (!device) {
        metrics_.unknown_devices.add();
        return Error{Errc::denied, "device '" + batch.device.text + "' is not registered"};
    }
    return store(*device, batch, nullptr);
}

void Ingest::expect(std::span<const Batch> coming) {
    if (coming.size() > 2) forms_.expect(coming[2].form);
    if (coming.size() > 1)
        if (const Form* form = forms_.find(coming[1].form, directory_.epoch())) {
            __builtin_prefetch(form->device);
            __builtin_prefetch(form->series.data());
            __builtin_prefetch(form->places.get());
        }
    if (coming.empty()) return;
    if (const Form* form = forms_.find(coming[0].form, directory_.epoch())) {
        parts_.history.expect_soon(form->series);
        if (form->places) quality::Engine::expect(*form->places);
    }
}

Result<Ticket> Ingest::accept(const Decision& decision) {
    if (!directory_.find(decision.device.text)) {
        metrics_.unknown_devices.add();
        return Error{Errc::denied, "device '" + decision.device.text + "' is not registered"};
    }
    return store(decision);
}

Result<Ticket> Ingest::store(KnownDevice& device, Batch& batch, const Form* form) {
    if (const auto before = parts_.history.stored(batch.device, batch.position)) {
        metrics_.duplicates.add();
        return line_.issue(TicketLine::Log::history, before->value);
    }
    if (!form) {
        auto found = find_series(device, batch);
        if (!found) return refused(std::move(found).error());
    }
    const std::uint64_t number = batch.form;
    const auto& converted = form ? form->converted : converted_;
    if (!converted.empty()) convert(device, batch, converted);
    if (form) parts_.history.expect_next(form->series);
    judge(device, batch, form);
    auto ticket = parts_.history.append(batch, form ? form->series : series_);
    if (!ticket) {
        if (ticket.error().code != Errc::invalid_input) parked_.keep(batch);
        return refused(std::move(ticket).error());
    }
    if (!form && number != 0)
        forms_.keep(number,
                    {&device, series_, converted_, quality_.places(batch, device.facts.rules)});
    metrics_.points.add(batch.size());
    const auto doubts = quality::count_doubts(batch.quality);
    if (doubts.uncertain > 0) metrics_.points_uncertain.add(doubts.uncertain);
    if (doubts.bad > 0) metrics_.points_bad.add(doubts.bad);
    return line_.issue(TicketLine::Log::history, ticket->value);
}

Result<Ticket> Ingest::store(const Decision& decision) {
    if (const auto before = parts_.history.stored(decision.device, decision.position)) {
        metrics_.duplicates.add();
        return line_.issue(TicketLine::Log::history, before->value);
    }
    auto ticket = parts_.history.append(decision);
    if (!ticket) return refused(std::move(ticket).error());
    metrics_.decisions.add();
    parts_.decisions.offer(decision);
    return line_.issue(TicketLine::Log::history, ticket->value);
}

void Ingest::judge(KnownDevice& device, Batch& batch, const Form* form) {
    if (!parked_.empty() && parked_.restore(batch)) return;
    if (form && form->places)
        quality_.judge(batch, device.facts.rules, *form->places);
    else
        quality_.judge(batch, device.facts.rules);
}

Result<> Ingest::find_series(KnownDevice& device, const Batch& batch) {
    series_.clear();
    converted_.clear();
    for (std::size_t i = 0; i < batch.runs.size(); ++i) {
        TRY(const auto* signal, signal_of(device, batch.runs[i], i));
        series_.push_back(signal->ref);
        if (signal->converts) converted_.push_back({i, signal->to_declared});
    }
    return {};
}

Result<const KnownDevice::Signal*> Ingest::signal_of(KnownDevice& device, const Run& run,
                                                     std::size_t at) {
    if (at < device.order.size() && device.order[at]->name == run.signal &&
        device.order[at]->sent_unit == run.unit && device.order[at]->sent_type == run.type)
        return device.order[at];
    auto found = device.signals.find(run.signal);
    if (found == device.signals.end() || found->second.sent_unit != run.unit ||
        found->second.sent_type != run.type) {
        // The declared unit stays the series': what is sent in another one is converted, or bad.
        const auto rule = device.facts.rules->signals.find(run.signal);
        const bool declares =
            rule != device.facts.rules->signals.end() && !rule->second.unit.empty();
        const std::string& unit = declares ? rule->second.unit : run.unit;
        TRY(const auto ref, parts_.history.resolve(device.id.text, run.signal, unit, run.type));
        if (found == device.signals.end())
            found = device.signals.emplace(run.signal, KnownDevice::Signal{}).first;
        found->second = {run.signal, run.unit, run.type, ref, {}, false};
        if (declares && !run.unit.empty() && run.unit != unit) {
            const auto how = conversion(run.unit, unit);
            found->second.converts = how.has_value();
            found->second.to_declared = how.value_or(Conversion{});
        }
    }
    if (at < device.order.size())
        device.order[at] = &found->second;
    else if (at == device.order.size())
        device.order.push_back(&found->second);
    return &found->second;
}

// Once: the batch says the declared unit then, and has no form, so that whoever fills it again
// names its units again.
void Ingest::convert(KnownDevice& device, Batch& batch, const std::vector<Converted>& runs) {
    for (const Converted& converted : runs) {
        Run& run = batch.runs[converted.run];
        for (auto i = run.begin; i < run.end; ++i)
            if (!run.boxed || !batch.boxes.text(batch.values[i]))
                batch.values[i] = converted.to_declared(
                    run.boxed ? batch.boxes.number(batch.values[i]) : batch.values[i]);
        run.unit = device.facts.rules->signals.at(run.signal).unit;
    }
    batch.form = 0;
}

Result<Ticket> Ingest::bury(std::string_view device, std::string_view topic,
                            std::string_view reason, ByteView body) {
    auto number = parts_.dead_letters.add(parts_.clock.now(), device, topic, reason, body);
    if (!number) return refused(std::move(number).error());
    metrics_.dead_letters.add();
    return line_.issue(TicketLine::Log::dead_letters, *number);
}

Error Ingest::refused(Error error) {
    if (error.code == Errc::overloaded) metrics_.pushed_back.add();
    if (error.code == Errc::io_failed) metrics_.failed.add();
    return error;
}

void Ingest::on_durable(std::function<void(Ticket)> listener) {
    listeners_.push_back(std::move(listener));
}

void Ingest::reached(TicketLine::Log log, std::uint64_t number) {
    if (!line_.advance(log, number)) return;
    for (const auto& listener : listeners_) listener(line_.durable());
}

// Points that came late within their series lie apart in the head and are left out: they moved no
// state but the counters.
void Ingest::restore_quality() {
    history::Bounds bounds;
    bounds.decisions = false;
    const auto snapshot = parts_.history.snapshot_here(bounds);
    Batch batch;
    for (const auto& head : snapshot.heads) {
        for (std::size_t s = 0; s < head->series(); ++s) {
            const auto& entry = head->entry(s);
            const KnownDevice* device = directory_.find(entry.device);
            if (!device) continue;
            batch.clear();
            batch.device.text = entry.device;
            for (std::size_t p = 0; p < head->ordered_pieces(s); ++p) {
                const auto piece = head->piece(s, p);
                batch.times.insert(batch.times.end(), piece.times.begin(), piece.times.end());
                for (const double value : piece.values)
                    batch.values.push_back(piece.boxes ? batch.boxes.adopt(value, *piece.boxes)
                                                       : value);
                batch.quality.insert(batch.quality.end(), piece.quality.begin(),
                                     piece.quality.end());
            }
            batch.runs.push_back({entry.signal, entry.unit, 0,
                                  static_cast<std::uint32_t>(batch.size()), entry.type,
                                  !batch.boxes.empty()});
            quality_.restore(batch, device->facts.rules);
        }
    }
}

}  // namespace mw::ingest
