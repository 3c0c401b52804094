using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Training.Tests")]
