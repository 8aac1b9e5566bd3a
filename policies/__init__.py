"""Whether a stack is allowed: rules over the resource graph, judged offline and by the engine's policy pack alike."""
