#include "data/history/history.h"

#include "data/history/state.h"

namespace mw::history {

Result<std::unique_ptr<History>> History::open(HistoryOptions options, Parts parts) {
    auto directory = options.directory;
    auto state = std::make_unique<State>(std::move(options), parts);
    if (auto opened = state->open(); !opened)
        return std::move(opened).error().context("open history " + directory);
    return std::unique_ptr<History>(new History(std::move(state)));
}

History::History(std::unique_ptr<State> state) : state_(std::move(state)) {}
History::~History() = default;

Result<SeriesRef> History::resolve(const std::string& device, const std::string& signal,
                                   const std::string& unit, ValueType type) {
    return state_->resolve(device, signal, unit, type);
}

std::optional<Ticket> History::stored(const DeviceId& device,
                                      const StreamPosition& position) const {
    return state_->stored(device.text, position);
}

Result<Ticket> History::append(const Batch& batch) { return state_->append(batch); }

Result<Ticket> History::append(const Batch& batch, std::span<const SeriesRef> series) {
    return state_->append(batch, series);
}

Result<Ticket> History::append(const Decision& decision) { return state_->append(decision); }

void History::expect_soon(std::span<const SeriesRef> series) const { state_->expect_soon(series); }

void History::expect_next(std::span<const SeriesRef> series) const { state_->expect_next(series); }

Ticket History::durable() const { return {state_->log().durable()}; }

void History::on_durable(std::function<void(Ticket)> listener) {
    state_->log().on_durable(
        [listener = std::move(listener)](std::uint64_t number) { listener({number}); });
}

Task<> History::flush() { return state_->log().flush(); }

Task<HistorySnapshot> History::snapshot(Bounds bounds) {
    auto ask = [state = state_.get(), bounds = std::move(bounds)] {
        return state->snapshot(bounds);
    };
    auto asked = run_on(state_->loop(), std::move(ask));
    co_return co_await std::move(asked);
}

HistorySnapshot History::snapshot_here(const Bounds& bounds) const {
    return state_->snapshot(bounds);
}

std::optional<LastValue> History::last(SeriesRef series) const { return state_->last(series); }

std::shared_ptr<const SeriesDirectory> History::series() const {
    return state_->series().directory();
}

void History::set_context(ContextSnapshot context) { state_->set_context(std::move(context)); }

Task<> History::seal_now() { return state_->seal_now(); }

Task<> History::compact_now() { return state_->compact_now(); }

Task<VerifyReport> History::verify() { return state_->verify(); }

Task<HistoryHold> History::hold() { return state_->hold(); }

Task<Erased> History::erase(EraseOrder order) { return state_->erase_now(std::move(order)); }

void History::set_retention(RetentionSnapshot retention) {
    state_->set_retention(std::move(retention));
}

Task<> History::retain_now() { return state_->retain_now(); }

const OpenReport& History::report() const { return state_->report(); }

HistoryFigures History::figures() const { return state_->figures(); }

const std::optional<Error>& History::failure() const { return state_->log().failure(); }

Task<> History::stop() { return state_->stop(); }

}  // namespace mw::history
