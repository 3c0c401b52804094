namespace Tbrm.Training.Recorders;

/// <summary>Tokens of a step.</summary>
/// <param name="All">Prompts and responses; 0 for step 0.</param>
/// <param name="Sampled">Those that a rollout sampled; 0 without one.</param>
public readonly record struct StepTokens(long All, long Sampled = 0);
