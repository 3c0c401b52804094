namespace Tbrm.Tasks;

/// <summary>A task that can show how its answers are found; a supervised warm start learns from it what working looks
/// like.</summary>
public interface IWorkedTask
{
    /// <summary>The steps that lead to the answer of an item, in as few words as can be; without the answer
    /// itself.</summary>
    string Work(TaskItem item);
}
