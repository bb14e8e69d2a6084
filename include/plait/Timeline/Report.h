//===- Report.h - Timelines as text, as a trace and as a picture -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TIMELINE_REPORT_H
#define PLAIT_TIMELINE_REPORT_H

#include "plait/Timeline/Predict.h"

namespace plait::timeline {

/// What each resource is busy for, what the critical path consists of, and its longest parts; lines of
/// at most 100 columns.
std::string reportText(const EventList &list, const Prediction &prediction);

/// In Chrome's trace format, which chrome://tracing and ui.perfetto.dev show: a process for each rank with
/// a thread that computes and one that exchanges; microseconds.
Json reportTrace(const EventList &list, const Prediction &prediction, const std::string &title);

/// The whole step, and one layer of it in detail. Hovering over an event shows its name and times.
std::string reportSvg(const EventList &list, const Prediction &prediction, const std::string &title);

/// "12.34 ms"
std::string timeText(double seconds);

} // namespace plait::timeline

#endif // PLAIT_TIMELINE_REPORT_H
