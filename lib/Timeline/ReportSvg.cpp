//===- ReportSvg.cpp - Timelines as a picture -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

using namespace plait;
using namespace plait::timeline;

namespace {

// Pixels.
constexpr double kLeft = 150, kWidth = 1100, kLane = 18, kGap = 10, kTitle = 28, kAxis = 24, kLegend = 24;
/// Events of one colour that are thinner than this are drawn as one.
constexpr double kThin = 1;
/// Letters of the small font take about so much.
constexpr double kLetter = 6;

const char *colourOf(EventKind kind) {
  constexpr const char *kColours[] = {"#4878a8", "#7a5aa6", "#8fb4d8", "#9a9a9a",
                                      "#d9822b", "#c45a3a", "#e3b04b", "#b0603a"};
  return kColours[size_t(kind)];
}

bool isPale(const Event &event) {
  return event.part > 0 || event.kind == EventKind::rowwise || event.kind == EventKind::allGather;
}

std::string escaped(const std::string &text) {
  std::string result;
  for (char c : text) {
    if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '&')
      result += "&amp;";
    else if (c == '"')
      result += "&quot;";
    else
      result += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return result;
}

class Painter {
public:
  Painter(const EventList &list, const Prediction &prediction) : list(list), schedule(prediction.schedule) {}

  std::string run(const std::string &title) {
    double lanes = 2.0 * list.ranks, panel = kTitle + lanes * (kLane + 2) + list.ranks * 4 + kAxis + kGap;
    auto [begin, end] = getDetail();
    bool hasDetail = end > begin && (end - begin) < 0.8 * schedule.makespan;
    double height = kTitle + kLegend + panel * (hasDetail ? 2 : 1) + kGap;
    svg = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 "
                      "{0:.0f} {1:.0f}\" font-family=\"sans-serif\" font-size=\"12\">\n"
                      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
                      kLeft + kWidth + 30, height);
    text(10, 20, title, "font-size=\"15\"");
    drawLegend();
    y = kTitle + kLegend;
    drawPanel("the step", 0, schedule.makespan);
    if (hasDetail)
      drawPanel(fmt::format("layer {}", detailLayer), begin, end);
    return svg + "</svg>\n";
  }

private:
  void text(double x, double at, const std::string &what, const std::string &style = "") {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, at, style, escaped(what));
  }

  void drawLegend() {
    double x = kLeft;
    for (int kind = 0; kind <= int(EventKind::send); ++kind) {
      bool isUsed = std::any_of(list.events.begin(), list.events.end(),
                                [&](const Event &event) { return int(event.kind) == kind; });
      if (!isUsed)
        continue;
      std::string name = getName(EventKind(kind));
      svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" fill=\"{}\"/>\n", x, kTitle + 4,
                         colourOf(EventKind(kind)));
      text(x + 16, kTitle + 14, name);
      x += 40 + 8 * double(name.size());
    }
    if (std::any_of(list.events.begin(), list.events.end(), [](const Event &event) { return event.part > 0; }))
      text(x, kTitle + 14, "pale: the second part of the tokens");
  }

  /// From the begin of a layer in the middle to the end of what belongs to it.
  std::pair<double, double> getDetail() {
    int layers = 0;
    for (const Event &event : list.events)
      layers = std::max(layers, event.layer + 1);
    detailLayer = layers / 2;
    double begin = schedule.makespan, end = 0;
    for (size_t i = 0; i < list.events.size(); ++i)
      if (layers > 1 && list.events[i].layer == detailLayer) {
        begin = std::min(begin, schedule.tasks[i].begin);
        end = std::max(end, schedule.tasks[i].end);
      }
    return {begin, end};
  }

  void drawPanel(const std::string &name, double begin, double end) {
    text(10, y + 18, fmt::format("{}: {}", name, timeText(end - begin)), "font-weight=\"bold\"");
    y += kTitle;
    double top = y;
    for (int rank = 0; rank < list.ranks; ++rank) {
      for (bool exchanges : {false, true}) {
        text(10, y + 13, fmt::format("rank {} {}", rank, exchanges ? "exchanges" : "computes"));
        svg += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"#f2f2f2\"/>\n",
                           kLeft, y, kWidth, kLane);
        drawLane(rank, exchanges, begin, end);
        y += kLane + 2;
      }
      y += 4;
    }
    drawAxis(top, begin, end);
    y += kAxis + kGap;
  }

  void drawLane(int rank, bool exchanges, double begin, double end) {
    double scale = kWidth / (end - begin), drawnTo = -1;
    for (size_t i = 0; i < list.events.size(); ++i) {
      const Event &event = list.events[i];
      const Interval &interval = schedule.tasks[i];
      bool isHere = std::find(event.ranks.begin(), event.ranks.end(), rank) != event.ranks.end();
      if (!isHere || isExchange(event.kind) != exchanges || interval.end <= begin || interval.begin >= end)
        continue;
      double from = (std::max(interval.begin, begin) - begin) * scale,
             to = (std::min(interval.end, end) - begin) * scale;
      if (to - from < kThin && from < drawnTo)
        continue;
      to = std::max(to, from + kThin);
      drawnTo = to;
      svg += fmt::format("<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" fill=\"{}\"{} "
                         "stroke=\"white\" stroke-width=\"{}\"><title>{}{}: {} from {} on, {}</title></rect>\n",
                         kLeft + from, y, to - from, kLane, colourOf(event.kind),
                         event.part > 0 ? " fill-opacity=\"0.55\"" : "", to - from > 3 ? "0.5" : "0",
                         escaped(event.name), event.layer >= 0 ? fmt::format(", layer {}", event.layer) : "",
                         timeText(interval.length()), timeText(interval.begin), getName(event.kind));
      size_t fits = size_t(std::max(0.0, (to - from - 4) / kLetter));
      if (fits >= 3)
        text(kLeft + from + 2, y + 13, event.name.substr(event.name.size() > fits ? event.name.size() - fits : 0),
             fmt::format("font-size=\"10\" fill=\"{}\" pointer-events=\"none\"", isPale(event) ? "#111" : "white"));
    }
  }

  void drawAxis(double top, double begin, double end) {
    // About eight ticks at 1, 2 or 5 times a power of ten.
    double raw = (end - begin) / 8, power = std::pow(10, std::floor(std::log10(raw)));
    double step = power * (raw / power < 1.5 ? 1 : raw / power < 3.5 ? 2 : raw / power < 7.5 ? 5 : 10);
    for (double at = std::ceil(begin / step) * step; at <= end; at += step) {
      double x = kLeft + (at - begin) / (end - begin) * kWidth;
      svg += fmt::format("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#888\" "
                         "stroke-width=\"0.4\" stroke-dasharray=\"2,3\"/>\n",
                         x, top, y);
      text(x, y + 14, at == 0 ? "0" : timeText(at), "text-anchor=\"middle\" font-size=\"11\"");
    }
  }

  const EventList &list;
  const Schedule &schedule;
  std::string svg;
  double y = 0;
  int detailLayer = 0;
};

} // namespace

std::string timeline::reportSvg(const EventList &list, const Prediction &prediction, const std::string &title) {
  if (prediction.schedule.makespan <= 0)
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\" height=\"10\"/>\n";
  return Painter(list, prediction).run(title);
}
