(function_definition declarator: (function_declarator declarator: (identifier) @name)) @function
(function_definition declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))) @function
(translation_unit (declaration declarator: (function_declarator declarator: (identifier) @name)) @prototype)
(translation_unit (declaration
  declarator: (pointer_declarator declarator: (function_declarator declarator: (identifier) @name))) @prototype)
(struct_specifier name: (type_identifier) @name body: (_)) @class
(union_specifier name: (type_identifier) @name body: (_)) @class
(enum_specifier name: (type_identifier) @name body: (_)) @enum
(type_definition type: (struct_specifier !name) declarator: (type_identifier) @name) @class
(type_definition declarator: (type_identifier) @name) @type
(preproc_function_def name: (identifier) @name) @macro

;; references
(preproc_include path: [(string_literal) (system_lib_string)] @import)
(call_expression function: [(identifier) @call (field_expression field: (field_identifier) @call)])
(comment) @comment
[(string_literal) (char_literal)] @string
