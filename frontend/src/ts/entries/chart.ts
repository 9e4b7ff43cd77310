// Pages with charts that have axes.
import "../chart";
